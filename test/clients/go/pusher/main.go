// The published library of Pusher for backends: what it is answered, as one line of JSON.
// Arguments: port, id, key and secret of the app, a socket to leave out, its user.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/pusher/pusher-http-go/v5"
)

func main() {
	client := pusher.Client{
		AppID: os.Args[2], Key: os.Args[3], Secret: os.Args[4],
		Host: "127.0.0.1:" + os.Args[1],
	}
	room, userCount := "presence-"+os.Args[6], "user_count"
	must(client.TriggerMulti([]string{room, "a,b;c=@.x"}, "note", map[string]int{"n": 1}))
	_, err := client.TriggerWithParams(room, "note", map[string]string{"n": "left out"}, pusher.TriggerParams{SocketID: &os.Args[5]})
	must(err)
	batch, err := client.TriggerBatch([]pusher.Event{
		{Channel: room, Name: "note", Data: map[string]int{"n": 2}, Info: &userCount},
		{Channel: "other", Name: "note", Data: "text"},
	})
	must(err)
	must(client.SendToUser(os.Args[6], "note", map[string]int{"n": 3}))
	list, err := client.Channels(pusher.ChannelsParams{FilterByPrefix: &room, Info: &userCount})
	must(err)
	channels := map[string]int{}
	for name, channel := range list.Channels {
		channels[name] = channel.UserCount
	}
	channel, err := client.Channel(room, pusher.ChannelParams{Info: &userCount})
	must(err)
	members, err := client.GetChannelUsers(room)
	must(err)
	users := []string{}
	for _, user := range members.List {
		users = append(users, user.ID)
	}
	refused := client.Trigger(room, "note", strings.Repeat("x", 10_241))
	said, err := json.Marshal(map[string]any{
		"batch":    *batch.Batch[0].UserCount,
		"channels": channels,
		"members":  channel.UserCount,
		"users":    users,
		"refused":  refused != nil,
	})
	must(err)
	fmt.Println(string(said))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
