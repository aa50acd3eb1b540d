package replica

// Recovered says what a recovery made this cluster of.
type Recovered struct {
	From string `json:"from"`
}
