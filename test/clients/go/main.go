// A stock client of Centrifuge in Go: what it is told, as one line of JSON. Arguments: encoding, URL, token, channel.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

type told struct {
	Live      []string `json:"live"`
	Again     []string `json:"again"`
	Recovered bool     `json:"recovered"`
	History   []uint64 `json:"history"`
	Presence  int      `json:"presence"`
	RPC       uint32   `json:"rpc"`
}

func main() {
	encoding, url, token, channel := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	config := centrifuge.Config{Token: token, MinReconnectDelay: time.Millisecond}
	client := centrifuge.NewJsonClient(url, config)
	if encoding == "protobuf" {
		client = centrifuge.NewProtobufClient(url, config)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	subscribed := make(chan centrifuge.SubscribedEvent, 4)
	published := make(chan string, 16)
	subscription, err := client.NewSubscription(channel)
	must(err)
	subscription.OnSubscribed(func(e centrifuge.SubscribedEvent) { subscribed <- e })
	subscription.OnPublication(func(e centrifuge.PublicationEvent) { published <- string(e.Data) })
	must(client.Connect())
	must(subscription.Subscribe())
	wait(ctx, subscribed)

	var said told
	_, err = subscription.Publish(ctx, []byte(`{"n":1}`))
	must(err)
	said.Live = append(said.Live, wait(ctx, published))

	// What is published meanwhile is missed, and comes with the answer to the next subscribe.
	must(client.Disconnect())
	other := centrifuge.NewJsonClient(url, config)
	must(other.Connect())
	for _, data := range []string{`{"n":2}`, `{"n":3}`} {
		_, err = other.Publish(ctx, channel, []byte(data))
		must(err)
	}
	other.Close()
	must(client.Connect())
	said.Recovered = wait(ctx, subscribed).Recovered
	said.Again = append(said.Again, wait(ctx, published), wait(ctx, published))

	history, err := subscription.History(ctx, centrifuge.WithHistoryLimit(2), centrifuge.WithHistoryReverse(true))
	must(err)
	for _, publication := range history.Publications {
		said.History = append(said.History, publication.Offset)
	}
	stats, err := subscription.PresenceStats(ctx)
	must(err)
	said.Presence = stats.NumClients
	_, err = client.RPC(ctx, "method", []byte("{}"))
	var refused *centrifuge.Error
	if errors.As(err, &refused) {
		said.RPC = refused.Code
	}
	line, err := json.Marshal(said)
	must(err)
	fmt.Println(string(line))
}

func wait[T any](ctx context.Context, from chan T) T {
	select {
	case one := <-from:
		return one
	case <-ctx.Done():
		must(errors.New("nothing came in time"))
		panic("unreachable")
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
