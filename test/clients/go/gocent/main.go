// The published library of Centrifugo for backends in Go: what it is answered, as one line of JSON. Arguments: URL, key, channel.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/centrifugal/gocent/v3"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func done(err error) { must(true, err) }

func main() {
	channel := os.Args[3]
	ctx := context.Background()
	client := gocent.New(gocent.Config{Addr: os.Args[1], Key: os.Args[2]})
	offsets := []uint64{}
	for _, data := range []string{`{"n":1}`, `{"n":2}`} {
		offsets = append(offsets, must(client.Publish(ctx, channel, []byte(data))).Offset)
	}
	responses := must(client.Broadcast(ctx, []string{channel, channel + "-2"}, []byte(`3`))).Responses
	// Several commands in one request.
	pipe := client.Pipe()
	done(pipe.AddPublish(channel, []byte(`4`)))
	done(pipe.AddHistory(channel, gocent.WithLimit(-1)))
	replies := must(client.SendPipe(ctx, pipe))
	var page gocent.HistoryResult
	done(json.Unmarshal(replies[1].Result, &page))
	history := []json.RawMessage{}
	for _, publication := range page.Publications {
		history = append(history, publication.Data)
	}
	done(client.Subscribe(ctx, channel, "nobody"))
	done(client.Unsubscribe(ctx, channel, "nobody"))
	done(client.Disconnect(ctx, "nobody", gocent.WithDisconnect(&gocent.Disconnect{Code: 4000, Reason: "enough"})))
	done(client.HistoryRemove(ctx, channel))
	said := map[string]any{
		"offsets":   offsets,
		"responses": len(responses),
		"history":   history,
		"presence":  len(must(client.Presence(ctx, channel)).Presence),
		"stats":     must(client.PresenceStats(ctx, channel)).NumClients,
		"nodes":     len(must(client.Info(ctx)).Nodes),
		"channels":  len(must(client.Channels(ctx, gocent.WithPattern("no-such:*"))).Channels),
		"removed":   len(must(client.History(ctx, channel, gocent.WithLimit(-1))).Publications),
	}
	fmt.Println(string(must(json.Marshal(said))))
}
