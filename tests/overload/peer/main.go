// A REST service of go-zero with the middlewares that it has by default, its load shedder among them.
// Its two routes do the work of tests/overload/apps.py.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/rest"
)

const settings = `
Name: peer
Host: 127.0.0.1
Port: %d
Timeout: 5000
Log:
  Mode: console
  Level: severe
  Stat: false
`

const invoice = `{"id":"7","title":"waited","status":"INVOICE_STATUS_OPEN","version":"1","createdAt":"2026-01-02T03:04:05Z"}`

const threadCPUTime = 3 // CLOCK_THREAD_CPUTIME_ID

func used() time.Duration {
	var spec syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPUTime, uintptr(unsafe.Pointer(&spec)), 0)
	return time.Duration(spec.Nano())
}

func answer(status int, work func()) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		work()
		w.Header().Set("content-type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, invoice)
	}
}

func compute() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for end := used() + 5*time.Millisecond; used() < end; {
	}
}

func main() {
	port := flag.Int("port", 0, "port to listen on")
	flag.Parse()
	var config rest.RestConf
	if err := conf.LoadFromYamlBytes(fmt.Appendf(nil, settings, *port), &config); err != nil {
		panic(err)
	}
	server := rest.MustNewServer(config)
	defer server.Stop()
	server.AddRoutes([]rest.Route{
		{Method: http.MethodPost, Path: "/v1/invoices", Handler: answer(http.StatusCreated, compute)},
		{Method: http.MethodGet, Path: "/v1/invoices/:id", Handler: answer(http.StatusOK, func() { time.Sleep(50 * time.Millisecond) })},
	})
	server.Start()
}
