package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// Program is a guest that can be started any number of times.
type Program struct {
	Name string
	Wasm []byte
}

// SHA256 is the digest (hex) of the program.
func (p *Program) SHA256() string {
	sum := sha256.Sum256(p.Wasm)
	return hex.EncodeToString(sum[:])
}

// Engine compiles programs once for all worlds of a process, and keeps the
// result in a folder for the next one. It may be shared by goroutines.
type Engine struct {
	cache wazero.CompilationCache
	mu    sync.Mutex
	warm  map[string]bool
}

// NewEngine makes an engine that keeps compiled programs under dir.
func NewEngine(dir string) (*Engine, error) {
	dir = filepath.Join(dir, "wazero")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make compilation cache: %w", err)
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open compilation cache: %w", err)
	}
	return &Engine{cache: cache, warm: map[string]bool{}}, nil
}

// Close frees the compiled programs.
func (e *Engine) Close(ctx context.Context) error { return e.cache.Close(ctx) }

// memoryPages bounds a guest's memory: 1 GiB in pages of 64 KiB.
const memoryPages = 16384

func (e *Engine) config() wazero.RuntimeConfig {
	return wazero.NewRuntimeConfigCompiler().WithCompilationCache(e.cache).
		WithMemoryLimitPages(memoryPages).WithDebugInfoEnabled(false)
}

// Prepare compiles p, which takes many seconds the first time a machine sees
// it. It is safe to skip: starting a program prepares it.
func (e *Engine) Prepare(ctx context.Context, p *Program) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.warm[p.SHA256()] {
		return nil
	}
	rt := wazero.NewRuntimeWithConfig(ctx, e.config())
	defer rt.Close(ctx)
	if _, err := rt.CompileModule(experimental.WithCompilationWorkers(ctx, 2), p.Wasm); err != nil {
		return fmt.Errorf("compile %s: %w", p.Name, err)
	}
	e.warm[p.SHA256()] = true
	return nil
}

// engine is the part of an Engine that one world uses.
type engine struct {
	shared   *Engine
	runtime  wazero.Runtime
	compiled map[string]wazero.CompiledModule
}

func newEngine(ctx context.Context, shared *Engine) (*engine, error) {
	rt := wazero.NewRuntimeWithConfig(ctx, shared.config())
	e := &engine{shared: shared, runtime: rt, compiled: map[string]wazero.CompiledModule{}}
	for _, install := range []func(context.Context, wazero.Runtime) error{installWASI, installFourdays} {
		if err := install(ctx, rt); err != nil {
			rt.Close(ctx)
			return nil, fmt.Errorf("install system calls: %w", err)
		}
	}
	return e, nil
}

func (e *engine) close(ctx context.Context) error { return e.runtime.Close(ctx) }

func (e *engine) compile(ctx context.Context, p *Program) (wazero.CompiledModule, error) {
	if c, ok := e.compiled[p.Name]; ok {
		return c, nil
	}
	if err := e.shared.Prepare(ctx, p); err != nil {
		return nil, err
	}
	c, err := e.runtime.CompileModule(ctx, p.Wasm)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", p.Name, err)
	}
	e.compiled[p.Name] = c
	return c, nil
}
