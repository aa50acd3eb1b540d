package scenario

import _ "embed" // the schema is part of the program, and of this package's tests

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema of a scenario file. It refuses what can be seen in
// one place; Parse also refuses what does not fit together.
func Schema() []byte { return schema }
