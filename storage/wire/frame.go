package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"fourdays/storage/vol"
)

// The bounds on one frame. All picked: a kernel asks for 1 MiB at most, and its
// paths are far shorter.
const (
	MaxData    = 16 << 20 // bytes read or written by one operation
	maxPath    = 1 << 16  // and so of a name
	maxEntries = 1 << 20  // of one directory
)

// The kinds of frames. The serving side sends results and asks to invalidate,
// the other side sends operations, lets go of some, and says that it has.
const (
	frameOp uint8 = iota + 1
	frameResult
	frameInvalidate
	frameInvalidated
	frameCancel
)

// What a result holds besides its head.
const (
	hasInfo uint8 = 1 << iota
	hasSpace
)

// Every frame begins with a head of headSize bytes. All numbers are little
// endian.
//
//	operation                        result
//	 0 frame, kind, no wait, attr?    0 frame, parts, 0, 0
//	 4 length of the path  u32        4 errno    u32
//	 8 number              u64        8 number   u64
//	16 file                u64       16 file     u64
//	24 flag                i64       24 n        i64
//	32 off                 i64       32 entries  u32, length of the data u32
//	40 size                i64       40 0
//	48 length of to        u32
//	52 length of the data  u32
//
// attr? is 1 if attributes follow. After an operation's head come path, to, the attributes and the data, which a
// Read has not: its length is what is wanted. After a result's come info, space, entries and
// the data, as far as there are any.
const headSize = 56

var errFrame = errors.New("not a frame of this protocol")

var le = binary.LittleEndian

// request is an operation with its number.
type request struct {
	id uint64
	op vol.Op
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// head adds the head of a frame, zero but for its kind and number.
func head(buf []byte, frame uint8, id uint64) ([]byte, []byte) {
	var zero [headSize]byte
	buf = append(buf, zero[:]...)
	h := buf[len(buf)-headSize:]
	h[0] = frame
	le.PutUint64(h[8:], id)
	return buf, h
}

// appendRequest adds an operation, without its data.
func appendRequest(buf []byte, id uint64, op *vol.Op) []byte {
	buf, h := head(buf, frameOp, id)
	h[1], h[2] = uint8(op.Kind), bit(op.NoWait)
	le.PutUint32(h[4:], uint32(len(op.Path)))
	le.PutUint64(h[16:], uint64(op.File))
	le.PutUint64(h[24:], uint64(op.Flag))
	le.PutUint64(h[32:], uint64(op.Off))
	le.PutUint64(h[40:], uint64(op.Size))
	le.PutUint32(h[48:], uint32(len(op.To)))
	le.PutUint32(h[52:], uint32(len(op.Data)))
	if op.Attr != nil {
		h[3] = 1 // before buf may move
	}
	buf = append(append(buf, op.Path...), op.To...)
	if a := op.Attr; a != nil {
		buf = appendNumbers(buf, int64(a.Has), int64(a.Perm), int64(a.UID), int64(a.GID), int64(a.MTime))
	}
	return buf
}

func readAttr(r *bufio.Reader) (*vol.Attr, error) {
	h, err := take(r, 5*8)
	if err != nil {
		return nil, err
	}
	return &vol.Attr{Has: vol.AttrSet(h[0]), Perm: fs.FileMode(le.Uint64(h[8:])), UID: uint32(le.Uint64(h[16:])),
		GID: uint32(le.Uint64(h[24:])), MTime: time.Duration(le.Uint64(h[32:]))}, nil
}

// sendable says why an operation cannot be sent, 0 if it can.
func sendable(op *vol.Op) syscall.Errno {
	switch {
	case len(op.Path) > maxPath || len(op.To) > maxPath:
		return syscall.ENAMETOOLONG
	case len(op.Data) > MaxData:
		return syscall.EINVAL
	}
	return 0
}

// carries says whether the data of an operation travels with it.
func carries(k vol.Kind) bool { return k != vol.Read }

// readRequest reads what follows an operation's head. Its data are read into
// what room gives for them.
func readRequest(r *bufio.Reader, h []byte, room func(n int) []byte) (request, error) {
	path, to, data, attr := le.Uint32(h[4:]), le.Uint32(h[48:]), le.Uint32(h[52:]), h[3]
	if path > maxPath || to > maxPath || data > MaxData {
		return request{}, fmt.Errorf("%w: an operation with a path of %d and data of %d bytes", errFrame, max(path, to), data)
	}
	q := request{id: le.Uint64(h[8:]), op: vol.Op{
		Kind: vol.Kind(h[1]), NoWait: h[2] != 0, File: vol.FileID(le.Uint64(h[16:])),
		Flag: int(le.Uint64(h[24:])), Off: int64(le.Uint64(h[32:])), Size: int64(le.Uint64(h[40:])),
	}}
	var err error
	if q.op.Path, err = readText(r, int(path)); err != nil {
		return q, err
	}
	if q.op.To, err = readText(r, int(to)); err == nil && attr != 0 {
		q.op.Attr, err = readAttr(r)
	}
	if err != nil || data == 0 {
		return q, err
	}
	q.op.Data = room(int(data))
	if carries(q.op.Kind) {
		_, err = io.ReadFull(r, q.op.Data)
	}
	return q, err
}

func readText(r *bufio.Reader, n int) (string, error) {
	if n == 0 {
		return "", nil
	}
	text := make([]byte, n)
	_, err := io.ReadFull(r, text)
	return string(text), err
}

// appendResult adds an answer, data included; data is what was read.
func appendResult(buf []byte, id uint64, res *vol.Result, data []byte) []byte {
	if len(res.Entries) > maxEntries {
		*res, data = vol.Result{Errno: syscall.EOVERFLOW}, nil
	}
	buf, h := head(buf, frameResult, id)
	le.PutUint32(h[4:], uint32(res.Errno))
	le.PutUint64(h[16:], uint64(res.File))
	le.PutUint64(h[24:], uint64(res.N))
	le.PutUint32(h[32:], uint32(len(res.Entries)))
	le.PutUint32(h[36:], uint32(len(data)))
	parts := bit(res.Info != vol.Info{})*hasInfo | bit(res.Space != vol.Space{})*hasSpace
	h[1] = parts // before buf may move
	if parts&hasInfo != 0 {
		buf = appendInfo(buf, &res.Info)
	}
	if parts&hasSpace != 0 {
		buf = appendNumbers(buf, res.Space.Bytes, res.Space.FreeBytes, res.Space.Inodes, res.Space.FreeInodes)
	}
	for i := range res.Entries {
		buf = appendInfo(buf, &res.Entries[i])
	}
	return append(buf, data...)
}

func appendNumbers(buf []byte, all ...int64) []byte {
	for _, n := range all {
		buf = le.AppendUint64(buf, uint64(n))
	}
	return buf
}

// infoSize is how long an Info is without its name and where it leads.
const infoSize = 2*4 + 5*8

func appendInfo(buf []byte, i *vol.Info) []byte {
	buf = le.AppendUint32(le.AppendUint32(buf, uint32(len(i.Name))), uint32(len(i.To)))
	buf = appendNumbers(buf, int64(i.Ino), i.Size, int64(i.Mode), int64(i.MTime), int64(i.GID)<<32|int64(i.UID))
	return append(append(buf, i.Name...), i.To...)
}

func readInfo(r *bufio.Reader) (vol.Info, error) {
	h, err := take(r, infoSize)
	if err != nil {
		return vol.Info{}, err
	}
	i := vol.Info{Ino: le.Uint64(h[8:]), Size: int64(le.Uint64(h[16:])), Mode: fs.FileMode(le.Uint64(h[24:])),
		MTime: time.Duration(le.Uint64(h[32:])), UID: le.Uint32(h[40:]), GID: le.Uint32(h[44:])}
	name, to := le.Uint32(h), le.Uint32(h[4:])
	if name > maxPath || to > maxPath {
		return i, fmt.Errorf("%w: a name of %d bytes", errFrame, max(name, to))
	}
	if i.Name, err = readText(r, int(name)); err == nil {
		i.To, err = readText(r, int(to))
	}
	return i, err
}

// take returns the next n bytes, which are good until the next read.
func take(r *bufio.Reader, n int) ([]byte, error) {
	p, err := r.Peek(n)
	if err == nil {
		_, err = r.Discard(n)
	}
	return p, err
}

// readResult reads what follows a result's head. The data of a Read go to into,
// and to no other operation are there any.
func readResult(r *bufio.Reader, h []byte, into []byte) (vol.Result, error) {
	res := vol.Result{Errno: syscall.Errno(le.Uint32(h[4:])), File: vol.FileID(le.Uint64(h[16:])), N: int(le.Uint64(h[24:]))}
	parts, entries, data := h[1], le.Uint32(h[32:]), int64(le.Uint32(h[36:]))
	if entries > maxEntries || data > int64(len(into)) || res.N < 0 || int64(res.N) < data {
		return res, fmt.Errorf("%w: a result of %d entries, %d bytes and count %d", errFrame, entries, data, res.N)
	}
	var err error
	if parts&hasInfo != 0 {
		res.Info, err = readInfo(r)
	}
	if err == nil && parts&hasSpace != 0 {
		res.Space, err = readSpace(r)
	}
	for range entries {
		if err != nil {
			return res, err
		}
		var i vol.Info
		i, err = readInfo(r)
		res.Entries = append(res.Entries, i)
	}
	if err == nil && data > 0 {
		_, err = io.ReadFull(r, into[:data])
	}
	return res, err
}

func readSpace(r *bufio.Reader) (vol.Space, error) {
	h, err := take(r, 4*8)
	if err != nil {
		return vol.Space{}, err
	}
	at := func(i int) int64 { return int64(le.Uint64(h[8*i:])) }
	return vol.Space{Bytes: at(0), FreeBytes: at(1), Inodes: at(2), FreeInodes: at(3)}, nil
}
