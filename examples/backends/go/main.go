// What a backend does with Sluice, by the standard library of Go.
//
//	go run . publish news '{"title": "Hello"}'
//	go run . batch < messages.jsonl
//	go run . token alice
//	PORT=3000 go run . serve
package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	mathrand "math/rand"
	"net/http"
	"os"
	"strconv"
	"time"
)

const attempts = 5

var (
	apiURL = environment("SLUICE_API_URL", "http://127.0.0.1:8081")
	apiKey = environment("SLUICE_API_KEY", "dev")
	client = &http.Client{Timeout: 10 * time.Second}
)

// Message goes to a channel or to a user. The gateway knows a repeat by its ID.
type Message struct {
	Channel string          `json:"channel,omitempty"`
	User    string          `json:"user,omitempty"`
	Data    json.RawMessage `json:"data"`
	ID      string          `json:"id"`
}

// Result is where a message is, or why it was refused.
type Result struct {
	Epoch     string `json:"epoch,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Degraded  bool   `json:"degraded,omitempty"`
	Error     *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// postPublish repeats what may work later.
func postPublish(body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		retryAfter, again, err := postOnce(data, answer)
		if err == nil || !again || attempt == attempts-1 {
			return err
		}
		jitter := time.Duration(mathrand.Int63n(int64(100 * time.Millisecond << attempt)))
		time.Sleep(retryAfter + jitter)
	}
}

func postOnce(data []byte, answer any) (retryAfter time.Duration, again bool, err error) {
	request, err := http.NewRequest("POST", apiURL+"/v1/publish", bytes.NewReader(data))
	if err != nil {
		return 0, false, err
	}
	request.Header.Set("Authorization", "Bearer "+apiKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, true, fmt.Errorf("no answer from Sluice: %w", err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, true, err
	}
	if response.StatusCode == http.StatusOK {
		return 0, false, json.Unmarshal(said, answer)
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // 0 where there is none
	again = response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500
	return time.Duration(seconds) * time.Second, again, fmt.Errorf("Sluice answered %d: %s", response.StatusCode, said)
}

func publish(channel string, data json.RawMessage) (result Result, err error) {
	err = postPublish(Message{Channel: channel, Data: data, ID: newID()}, &result)
	return
}

// publishBatch answers one result for each message, in order.
func publishBatch(messages []Message) (results []Result, err error) {
	for index := range messages {
		if messages[index].ID == "" {
			messages[index].ID = newID()
		}
	}
	err = postPublish(messages, &results)
	return
}

func newID() string {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		panic(err)
	}
	return hex.EncodeToString(id)
}

// token is signed with the secret of the gateway; docs/tokens.md has what it may say.
func token(user string, subscribe []string, ttl time.Duration) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"sub":    user,
		"iat":    now.Unix(),
		"exp":    now.Add(ttl).Unix(),
		"sluice": map[string]any{"subscribe": subscribe},
	})
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(os.Getenv("SLUICE_JWT_SECRET")))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil)), nil
}

// realtimeToken is what the page's client asks for a token.
func realtimeToken(writer http.ResponseWriter, request *http.Request) {
	// Your session, in the place of this: a cookie that says who somebody is is nobody's proof.
	user, err := request.Cookie("user")
	if err != nil {
		http.Error(writer, `{"error":"log in first"}`, http.StatusUnauthorized)
		return
	}
	signed, err := token(user.Value, []string{"news:*", "news"}, time.Hour)
	if err != nil {
		http.Error(writer, `{"error":"internal"}`, http.StatusInternalServerError)
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	writer.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(writer).Encode(map[string]string{"token": signed})
}

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(words []string) error {
	print := json.NewEncoder(os.Stdout).Encode
	switch {
	case len(words) == 3 && words[0] == "publish":
		result, err := publish(words[1], json.RawMessage(words[2]))
		if err != nil {
			return err
		}
		return print(result)
	case len(words) == 1 && words[0] == "batch":
		var messages []Message
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			var message Message
			if err := json.Unmarshal(lines.Bytes(), &message); err != nil {
				return err
			}
			messages = append(messages, message)
		}
		results, err := publishBatch(messages)
		for _, result := range results {
			print(result)
		}
		return err
	case len(words) == 2 && words[0] == "token":
		signed, err := token(words[1], []string{"news:*", "news"}, time.Hour)
		fmt.Println(signed)
		return err
	case len(words) == 1 && words[0] == "serve":
		http.HandleFunc("GET /realtime-token", realtimeToken)
		return http.ListenAndServe("127.0.0.1:"+environment("PORT", "3000"), nil)
	}
	return fmt.Errorf("publish CHANNEL JSON, batch, token USER, or serve")
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
