/** How a backend publishes to the channel, in the languages that it may be written in, to be copied. */

interface Facts {
  readonly api: string
  readonly key: string
}

type Language = 'curl' | 'JavaScript' | 'Python' | 'PHP' | 'Go'

const UNKNOWN: Facts = { api: 'http://127.0.0.1:8081', key: '<your API key>' }

/** Names of channels have no quotes and no backslashes, so that they stand in each of these as they are. */
export const SNIPPETS: Readonly<Record<Language, (channel: string, facts: Facts) => string>> = {
  curl: (
    channel,
    { api, key },
  ) => `curl -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' \\
  -d '{"channel":"${channel}","data":{"hello":"curl"}}' ${api}/v1/publish`,
  JavaScript: (channel, { api, key }) => `const response = await fetch('${api}/v1/publish', {
  method: 'POST',
  headers: { authorization: 'Bearer ${key}', 'content-type': 'application/json' },
  body: JSON.stringify({ channel: '${channel}', data: { hello: 'JavaScript' } }),
})
if (!response.ok) throw new Error(await response.text())`,
  Python: (channel, { api, key }) => `import json, urllib.request

urllib.request.urlopen(urllib.request.Request(
    "${api}/v1/publish",
    json.dumps({"channel": "${channel}", "data": {"hello": "Python"}}).encode(),
    {"Authorization": "Bearer ${key}", "Content-Type": "application/json"},
))`,
  PHP: (channel, { api, key }) => `<?php
file_get_contents('${api}/v1/publish', false, stream_context_create(['http' => [
    'method' => 'POST',
    'header' => ['Authorization: Bearer ${key}', 'Content-Type: application/json'],
    'content' => json_encode(['channel' => '${channel}', 'data' => ['hello' => 'PHP']]),
]]));`,
  Go: (channel, { api, key }) => `package main

import (
	"log"
	"net/http"
	"strings"
)

func main() {
	body := strings.NewReader(\`{"channel":"${channel}","data":{"hello":"Go"}}\`)
	request, err := http.NewRequest("POST", "${api}/v1/publish", body)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer ${key}")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		log.Fatal(response.Status)
	}
}`,
}

const COPIED_MS = 1500

export function showSnippets(parent: HTMLElement): { of(channel: string): void } {
  let facts = UNKNOWN
  let channel = ''
  let language: Language = 'curl'
  const tabs = document.createElement('div')
  tabs.className = 'tabs'
  const code = document.createElement('code')
  const block = document.createElement('pre')
  block.append(code)
  const buttons = new Map<Language, HTMLButtonElement>()
  const show = (): void => {
    code.textContent = SNIPPETS[language](channel, facts)
    for (const [name, button] of buttons) button.setAttribute('aria-pressed', String(name === language))
  }
  for (const name of Object.keys(SNIPPETS) as Language[]) {
    const button = buttonWith(name)
    button.addEventListener('click', () => {
      language = name
      show()
    })
    buttons.set(name, button)
  }
  const copy = buttonWith('Copy')
  copy.className = 'copy'
  copy.addEventListener('click', () => {
    navigator.clipboard.writeText(code.textContent ?? '').then(
      () => said('Copied'),
      () => said('Not allowed'),
    )
  })
  const said = (text: string): void => {
    copy.textContent = text
    setTimeout(() => (copy.textContent = 'Copy'), COPIED_MS)
  }
  tabs.append(...buttons.values(), copy)
  parent.append(tabs, block)
  // Without an answer what is usual is shown; the page says that the gateway is away.
  fetch('/dev/facts')
    .then((response) => response.json() as Promise<Facts>)
    .then(
      (told) => {
        facts = told
        show()
      },
      () => undefined,
    )
  return {
    of(name) {
      channel = name
      show()
    },
  }
}

function buttonWith(text: string): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = text
  return button
}
