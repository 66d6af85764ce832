// Recorded traffic of real YubiKeys travels in this module (Apache-2.0). The tests read it
// out of the module cache; nothing of it is built or copied.
module mfawatch/acceptance/yubikey

go 1.26.0

require cunicu.li/go-iso7816 v0.8.8
