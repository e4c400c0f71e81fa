/** The page of `sluice dev`: one channel over three transports side by side. */
import { showAway } from './away.ts'
import { showChannels } from './channels.ts'
import { Panel, type Feed } from './panel.ts'
import { PollFeed } from './poll-feed.ts'
import { showPeople } from './people.ts'
import { showSnippets } from './snippets.ts'
import { inspectTokens } from './token-inspector.ts'
import { SseFeed } from './sse-feed.ts'
import { WebSocketFeed } from './websocket-feed.ts'
import { SluiceClient } from '../../client/index.ts'
import { CLIENT_PACKAGE, NPX } from '../../package-names.ts'
import { CHANNEL_RULE, isChannel } from '../../protocol/channel.ts'

const CUT_MS = 500
const CUT_ALL_MS = 5000
const STREAM_EVERY_MS = 100

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its page holds
function byId<Kind extends HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind
}

/** A user of its own for each page: two open pages do not take each other's session. */
const user = `page-${Math.random().toString(36).slice(2, 8)}`

const inspector = inspectTokens(byId('inspector'))
showAway(byId('away'))

async function token(): Promise<string> {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given !== null) {
    inspector.current(given)
    return given
  }
  const response = await fetch(`/dev/token?sub=${user}`)
  const answer = (await response.json()) as { readonly token?: string; readonly error?: { message: string } }
  if (answer.token !== undefined) {
    inspector.current(answer.token)
    return answer.token
  }
  const message = answer.error?.message ?? `the token was refused with ${response.status}`
  notice(message)
  throw new Error(message)
}

const panels = byId('panels')
const template = byId<HTMLTemplateElement>('panel')
const socketPanel = new Panel('WebSocket', `The SDK: ${CLIENT_PACKAGE}`, panels, template)
const ssePanel = new Panel('SSE', 'The browser’s own EventSource, no library', panels, template)
const pollPanel = new Panel('Long poll', 'fetch in a loop', panels, template)

const address = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/ws`
/** A client of its own, so that publishing goes on while a panel is cut. */
const publisher = new SluiceClient({ url: address, token, backoff: { baseMs: 200, maxMs: 1000 } })
void publisher.connect()
const people = showPeople(byId('people'), publisher, user)
const snippets = showSnippets(byId('snippets'))
showChannels(byId('channels'), (name) => {
  byId<HTMLInputElement>('channel').value = name
  subscribe(name)
})
const feeds: readonly (readonly [Panel, Feed])[] = [
  [socketPanel, new WebSocketFeed(socketPanel, address, token)],
  [ssePanel, new SseFeed(ssePanel, token)],
  [pollPanel, new PollFeed(pollPanel, token)],
]
for (const [panel, feed] of feeds) panel.onCut(() => feed.cut(CUT_MS))

let channel = ''
function subscribe(name: string): void {
  if (!isChannel(name)) {
    notice(`That is not a channel: ${CHANNEL_RULE}`)
    return
  }
  notice('')
  channel = name
  for (const [panel, feed] of feeds) {
    panel.clear()
    feed.listen(name)
  }
  byId('command').textContent = `${NPX} publish ${name} '{"hello":"from the terminal"}'`
  people.of(name)
  snippets.of(name)
}

function notice(text: string): void {
  byId('notice').textContent = text
}

async function publish(data: unknown): Promise<void> {
  try {
    await publisher.publish(channel, data)
    notice('')
  } catch (error) {
    notice(error instanceof Error ? error.message : String(error))
  }
}

/** What is not JSON is a text: nobody wants to type the quotes. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

byId<HTMLFormElement>('channel-form').addEventListener('submit', (event) => {
  event.preventDefault()
  subscribe(byId<HTMLInputElement>('channel').value)
})
byId<HTMLFormElement>('publish-form').addEventListener('submit', (event) => {
  event.preventDefault()
  void publish(parsed(byId<HTMLInputElement>('data').value))
})
byId('cut-all').addEventListener('click', () => {
  for (const [, feed] of feeds) feed.cut(CUT_ALL_MS)
})

let ticking: ReturnType<typeof setInterval> | undefined
let tick = 0
const streamButton = byId('stream')
streamButton.addEventListener('click', () => {
  if (ticking === undefined) ticking = setInterval(() => void publish({ tick: ++tick }), STREAM_EVERY_MS)
  else {
    clearInterval(ticking)
    ticking = undefined
  }
  streamButton.setAttribute('aria-pressed', String(ticking !== undefined))
})

subscribe(byId<HTMLInputElement>('channel').value)
