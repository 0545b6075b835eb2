// Serves govmomi's simulator of one ESXi host or of a vCenter on a free port of loopback, for tests. It ends when its
// standard input does, so that it never outlives the test that started it.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	host := flag.Bool("host", false, "one ESXi host; otherwise a vCenter")
	flag.Parse()
	model := simulator.VPX()
	if *host {
		model = simulator.ESX()
	}
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	user := url.UserPassword(os.Getenv("SIMULATOR_USER"), os.Getenv("SIMULATOR_PASSWORD"))
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0", User: user}
	server := model.Service.NewServer()
	fmt.Println(server.URL.Host)
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.Close()
	model.Remove()
}
