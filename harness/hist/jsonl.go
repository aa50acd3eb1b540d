package hist

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the longest line Scan accepts, in bytes (picked: an audit of a
// mailbox of 200,000 messages fits).
const MaxLine = 64 << 20

// Errors of a history that cannot be read. They arrive wrapped, with the number
// of the line.
var (
	ErrLong   = errors.New("line is too long")
	ErrCut    = errors.New("last line is cut short")
	ErrOrder  = errors.New("operation is out of place")
	ErrUnsaid = errors.New("kind or outcome is not known")
	ErrTime   = errors.New("time runs backwards")
)

// Writer writes a history as JSON lines. It is not safe for concurrent use.
// After an error every later call returns the same error: a history with a hole
// in it must not look whole.
type Writer struct {
	out io.Writer
	buf *bufio.Writer
	n   int64
	err error
}

// NewWriter returns a Writer to out. Nothing is certain to have reached out
// before Flush or Close has returned nil.
func NewWriter(out io.Writer) *Writer {
	return &Writer{out: out, buf: bufio.NewWriterSize(out, 256<<10)}
}

// Write gives op its place in the history, N, and writes it.
func (w *Writer) Write(op *Op) error {
	if w.err != nil {
		return w.err
	}
	op.N = w.n + 1
	line, err := json.Marshal(op)
	if err == nil && len(line) > MaxLine {
		err = ErrLong
	}
	if err == nil {
		_, err = w.buf.Write(append(line, '\n'))
	}
	if err != nil {
		w.err = fmt.Errorf("write operation %d: %w", op.N, err)
		return w.err
	}
	w.n++
	return nil
}

// Count is the number of operations written so far.
func (w *Writer) Count() int64 { return w.n }

// Flush hands everything written so far to the underlying writer.
func (w *Writer) Flush() error {
	if w.err == nil {
		if err := w.buf.Flush(); err != nil {
			w.err = fmt.Errorf("flush history: %w", err)
		}
	}
	return w.err
}

// Close flushes, and closes the underlying writer if it can be closed. It
// reports the first error of the writer's whole life.
func (w *Writer) Close() error {
	err := w.Flush()
	if c, ok := w.out.(io.Closer); ok {
		if cerr := c.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close history: %w", cerr)
		}
	}
	if w.err == nil {
		w.err = errors.New("write history: it is closed")
	}
	return err
}

// Scan calls each with every operation of a history in order, and stops at the
// first error, its own or that of each. The operation belongs to each: it is
// never used again. Unknown fields are ignored, so that older programs read
// newer histories.
func Scan(r io.Reader, each func(*Op) error) error {
	in := bufio.NewReaderSize(r, 256<<10)
	var long []byte
	for n := int64(1); ; n++ {
		line, err := readLine(in, long[:0])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read history: line %d: %w", n, err)
		}
		if cap(line) > cap(long) {
			long = line
		}
		op := new(Op)
		if err := parse(line, n, op); err != nil {
			return fmt.Errorf("read history: line %d: %w", n, err)
		}
		if err := each(op); err != nil {
			return err
		}
	}
}

// readLine reads one line without its end into buf.
func readLine(in *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(buf)+len(part) > MaxLine+1 {
			return nil, ErrLong
		}
		buf = append(buf, part...)
		switch {
		case err == nil:
			return buf[:len(buf)-1], nil
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(buf) > 0:
			return nil, ErrCut
		default:
			return nil, err
		}
	}
}

func parse(line []byte, n int64, op *Op) error {
	if err := json.Unmarshal(line, op); err != nil {
		return err
	}
	switch {
	case op.N != n:
		return fmt.Errorf("operation %d: %w", op.N, ErrOrder)
	case !op.Kind.known():
		return fmt.Errorf("kind %.40q: %w", op.Kind, ErrUnsaid)
	case op.Outcome != OK && op.Outcome != No && op.Outcome != Unknown:
		return fmt.Errorf("outcome %.40q: %w", op.Outcome, ErrUnsaid)
	case op.AnsweredUS < op.SentUS:
		return fmt.Errorf("answered at %d µs, sent at %d µs: %w", op.AnsweredUS, op.SentUS, ErrTime)
	}
	return nil
}

func (k Kind) known() bool {
	switch k {
	case Deliver, Bounce, Append, Copy, Move, Store, Expunge, Create, Delete,
		List, Status, Read, Search, Audit, Admin:
		return true
	}
	return false
}
