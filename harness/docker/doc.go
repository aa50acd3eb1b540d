// Package docker is the world of containers: nodes from an image that holds the
// static program and nothing else, on a private network, with volumes of the
// array mounted in.
//
// It owns what it makes in the container engine: images, a network and
// containers, each labelled with whose it is. They are removed when the world
// is closed; those of a harness that was killed are removed by the next one. It
// assumes an engine on this machine, as containers see mounts that the harness
// makes and the harness reaches containers on their bridge. It needs no
// registry: nothing is ever pulled. It knows nothing of mail, arrays or
// scenarios.
package docker
