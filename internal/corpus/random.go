package corpus

import (
	"math/bits"
	"math/rand/v2"
)

// random draws whole numbers only: floating point may round differently on
// another processor, and the archive must not.
type random struct{ *rand.PCG }

func seed(a, b uint64) *rand.PCG { return rand.NewPCG(a, b) }

// n draws from 0 to k-1.
func (r random) n(k int) int {
	hi, _ := bits.Mul64(r.Uint64(), uint64(k))
	return int(hi)
}

// low draws from 0 to k-1, small numbers more often: a few buckets, roles and
// calls make up most of an account's traffic.
func (r random) low(k int) int { return r.n(r.n(k) + 1) }

// chance is true in rate of one cases.
func (r random) chance(rate float64) bool { return r.n(1_000_000) < perMillion(rate) }

func perMillion(rate float64) int { return int(rate*1_000_000 + 0.5) }

const (
	hexDigits = "0123456789abcdef"
	alnum     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	base64Set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	base32Set = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// hex appends k hexadecimal digits.
func (r random) hex(b []byte, k int) []byte {
	for k > 0 {
		v := r.Uint64()
		for i := 0; i < 16 && k > 0; i, k = i+1, k-1 {
			b, v = append(b, hexDigits[v&15]), v>>4
		}
	}
	return b
}

// chars appends k characters of set.
func (r random) chars(b []byte, set string, k int) []byte {
	for k > 0 {
		v := r.Uint64()
		for i := 0; i < 5 && k > 0; i, k = i+1, k-1 {
			b, v = append(b, set[int(v&0xfff)*len(set)>>12]), v>>12
		}
	}
	return b
}

func (r random) uuid(b []byte) []byte {
	for i, k := range []int{8, 4, 4, 4, 12} {
		if i > 0 {
			b = append(b, '-')
		}
		b = r.hex(b, k)
	}
	return b
}
