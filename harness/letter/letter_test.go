package letter

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMakeIsAFunctionOfKeyAndSize(t *testing.T) {
	require.Equal(t, Make("k1", 5000), Make("k1", 5000))
	require.NotEqual(t, Make("k1", 5000), Make("k2", 5000))
	require.NotEqual(t, Digest(Make("k1", 5000)), Digest(Make("k1", 5001)))
}

// TestSizeIsExact goes through every place where the last line can be cut.
func TestSizeIsExact(t *testing.T) {
	for size := MinSize; size < MinSize+200; size++ {
		require.Len(t, Make("key", size), size)
	}
	require.Len(t, Make("key", 0), MinSize)
	require.Len(t, Make("key", -1), MinSize)
}

// TestTextIsFitForMail demands CRLF line ends, no bare CR or LF, lines that
// SMTP takes, and none that dot-stuffing would touch.
func TestTextIsFitForMail(t *testing.T) {
	for size := MinSize; size < MinSize+200; size++ {
		raw := Make(fmt.Sprint("key", size), size)
		require.True(t, bytes.HasSuffix(raw, []byte("\r\n")))
		for _, line := range bytes.Split(bytes.TrimSuffix(raw, []byte("\r\n")), []byte("\r\n")) {
			require.NotContains(t, string(line), "\r")
			require.NotContains(t, string(line), "\n")
			require.LessOrEqual(t, len(line), 998)
			require.False(t, bytes.HasPrefix(line, []byte(".")))
		}
		require.Contains(t, string(raw), "\r\n\r\n", "headers end")
	}
}

func TestReadFindsItsMessage(t *testing.T) {
	raw := Make("d17", 900)
	for name, before := range map[string]string{
		"as it was sent":            "",
		"behind what servers add":   "Return-Path: <a@b>\r\nReceived: from x by y;\r\n\tFri, 27 Jan 2023\r\n",
		"behind bare line feeds":    "Received: x\n",
		"behind a long chain of it": string(bytes.Repeat([]byte("Received: by relay\r\n"), 50)),
	} {
		t.Run(name, func(t *testing.T) {
			key, digest := Read(append([]byte(before), raw...))
			require.Equal(t, "d17", key)
			require.Equal(t, Digest(raw), digest)
		})
	}
}

func TestReadTellsWhatIsNotIntact(t *testing.T) {
	raw := Make("d17", 900)
	flipped := bytes.Clone(raw)
	flipped[700] ^= 1
	key, digest := Read(flipped)
	require.Equal(t, "d17", key)
	require.NotEqual(t, Digest(raw), digest)

	_, digest = Read(raw[:800])
	require.NotEqual(t, Digest(raw), digest)
}

func TestReadWithoutMarker(t *testing.T) {
	for _, raw := range []string{"", "Subject: hello\r\n\r\nhi\r\n", "quoted X-Fourdays-Key: d17\r\n"} {
		key, digest := Read([]byte(raw))
		require.Empty(t, key)
		require.Equal(t, Digest([]byte(raw)), digest)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("X-Fourdays-Key: "))
	f.Add(Make("k", 300))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, digest := Read(raw)
		require.Len(t, digest, 64)
	})
}
