package report

import (
	"fmt"
	"strconv"
)

// Background is the noise of independent faults that a run was under. They are
// drawn, not scripted: how many there are is luck.
type Background struct {
	Profile    string  `json:"profile"`
	Accelerate float64 `json:"accelerate"` // what the field's rates were multiplied with
	Drawn      int64   `json:"drawn"`      // faults in all
}

// String says what was drawn, and loudly if the rates were not the field's.
func (b *Background) String() string {
	text := fmt.Sprintf("background %s: %s drawn", b.Profile, plural(b.Drawn, "fault"))
	if b.Accelerate != 1 {
		text += ", ACCELERATED " + strconv.FormatFloat(b.Accelerate, 'f', -1, 64) + " TIMES: not the field"
	}
	return text
}
