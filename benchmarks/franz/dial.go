// TLS for the mirror on franz-go: this file is built together with that mirror's own sources.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"log"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	sourceCA = flag.String("source-ca", "", "PEM file of the source's certificate authority; empty: no TLS")
	targetCA = flag.String("target-ca", "", "PEM file of the target's certificate authority; empty: no TLS")
)

// dialing returns how a client connects.
func dialing(authority string) kgo.Opt {
	if authority == "" {
		return kgo.ClientID("franzmirror")
	}
	text, err := os.ReadFile(authority)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		log.Fatalf("%s holds no certificate", authority)
	}
	return kgo.DialTLSConfig(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
}
