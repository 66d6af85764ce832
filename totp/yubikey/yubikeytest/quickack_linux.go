package yubikeytest

import (
	"net"
	"syscall"
)

// quickAcks has the kernel acknowledge at once what comes next. The reader sends small
// messages one after the other and waits for each to be acknowledged: without this a
// command takes 45 to 60 ms.
func quickAcks(conn net.Conn) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return // it is slow then, and right
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}
