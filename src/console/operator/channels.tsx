/**
 * A channel: where it stands and who is on it, its messages as they come, and one more of them.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ask } from './access.ts'
import { Live, type LiveState } from './live.ts'
import { Fault, LookUp, useDoing } from './parts.tsx'
import type { ChannelShown } from './shapes.ts'
import { clockTime, count, many } from './words.ts'

const SHOWN_MAX = 200
const NAMED_MAX = 50

interface Row {
  readonly key: number
  readonly at: number
  readonly text: string
  readonly place: string
  readonly kind: 'message' | 'reset'
}

interface Message {
  readonly time?: number
  readonly offset?: number
  readonly data?: unknown
  readonly reason?: string
}

function rowOf(name: string, { time, offset, data, reason }: Message, key: number): Row | undefined {
  const place = offset === undefined ? '' : `#${offset}`
  if (name === 'message')
    return { key, at: time ?? Date.now(), text: JSON.stringify(data) ?? '', place, kind: 'message' }
  if (name !== 'reset') return undefined
  const text = `Messages before this are missing here (${reason ?? 'unknown'}): a client would refetch its state`
  return { key, at: Date.now(), text, place, kind: 'reset' }
}

function Tail({ channel, apiKey }: { readonly channel: string; readonly apiKey: string }) {
  const [rows, setRows] = useState<readonly Row[]>([])
  const [state, setState] = useState<LiveState>({ kind: 'connecting' })
  const [stopped, setStopped] = useState(false)
  const keys = useRef(0)
  useEffect(() => {
    if (stopped) return undefined
    let first = true
    const live = new Live({
      key: apiKey,
      path: `/v1/channels/${encodeURIComponent(channel)}/tail?last=20`,
      state: setState,
      event(name, data) {
        // A stream that comes back begins with the newest again.
        if (name === 'opened') first = true
        const row = rowOf(name, data as Message, ++keys.current)
        if (row === undefined) return
        const fresh = first
        first = false
        setRows((before) => [row, ...(fresh ? [] : before)].slice(0, SHOWN_MAX))
      },
    })
    return () => live.close()
  }, [channel, apiKey, stopped])
  const words = {
    connecting: 'connecting…',
    live: 'live: new messages come on top',
    away: `not connected (${state.kind === 'away' ? state.why : ''}); trying again`,
    refused: state.kind === 'refused' ? state.why : '',
  }[state.kind]
  return (
    <section class="card" aria-labelledby="tail-title">
      <h2 id="tail-title">Messages</h2>
      <div class="row">
        <p role="status" class={state.kind === 'refused' || state.kind === 'away' ? 'why' : 'quiet'}>
          {stopped ? 'stopped' : words}
        </p>
        <button type="button" onClick={() => setStopped(!stopped)}>
          {stopped ? 'Follow again' : 'Stop'}
        </button>
        <button type="button" onClick={() => setRows([])}>
          Clear
        </button>
      </div>
      <div class="lines tail" role="log" aria-live="off" aria-label={`Messages of ${channel}`} tabIndex={0}>
        <ol>
          {rows.map(({ key, at, text, place, kind }) => (
            <li key={key} class={kind}>
              <time dateTime={new Date(at).toISOString()}>{clockTime(at)}</time>{' '}
              <span class="quiet">{place}</span> <code>{text}</code>
            </li>
          ))}
        </ol>
      </div>
    </section>
  )
}

function Facts({ channel }: { readonly channel: ChannelShown }) {
  const { position, subscribers, presence } = channel
  return (
    <dl class="facts">
      <dt>subscribers</dt>
      <dd>
        {count(subscribers.cluster)} in the cluster, {count(subscribers.local)} at this node
        {subscribers.silent !== undefined && ` (without ${subscribers.silent.join(', ')}: no answer)`}
      </dd>
      <dt>position</dt>
      <dd>
        {position === undefined
          ? 'ephemeral: nothing is kept'
          : `offset ${position.offset}, epoch ${position.epoch}`}
      </dd>
      {presence !== undefined && (
        <>
          <dt>present</dt>
          <dd>
            {many(presence.length, 'user')}
            {presence.length > 0 && `: ${presence.slice(0, NAMED_MAX).join(', ')}`}
            {presence.length > NAMED_MAX && ' …'}
          </dd>
        </>
      )}
    </dl>
  )
}

/** What is JSON goes as it is; anything else as a text. */
function dataOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export function Publish(props: {
  readonly to: Readonly<Record<string, string>>
  readonly name: string
  readonly apiKey: string
}) {
  const { to, name, apiKey } = props
  const [data, setData] = useState('')
  const [told, setTold] = useState<string>()
  const { busy, fault, run } = useDoing()
  const publish = (): void =>
    run(async () => {
      const body = { ...to, data: dataOf(data) }
      const { offset, degraded } = (await ask(apiKey, '/v1/publish', { method: 'POST', body })) as {
        offset?: number
        degraded?: boolean
      }
      const late = degraded === true ? '; some get it later, by repair' : ''
      setTold(`${offset === undefined ? 'Sent' : `Sent as #${offset}`}${late}.`)
      setData('')
    })
  return (
    <form
      class="card"
      aria-label={`Publish to ${name}`}
      onSubmit={(event) => {
        event.preventDefault()
        publish()
      }}
    >
      <h2>Publish to {name}</h2>
      <div class="field">
        <label for="data">Data</label>
        <textarea
          id="data"
          rows={3}
          value={data}
          required
          spellcheck={false}
          aria-describedby="data-hint"
          onInput={(event) => setData(event.currentTarget.value)}
        />
        <small id="data-hint" class="quiet">
          JSON goes as it is, anything else as a text
        </small>
      </div>
      <div class="row">
        <button disabled={busy}>Publish</button>
        <p role="status">{told}</p>
      </div>
      <Fault text={fault} />
    </form>
  )
}

export function Channels({ apiKey }: { readonly apiKey: string }) {
  const [channel, setChannel] = useState<ChannelShown>()
  const doing = useDoing()
  const { busy, run } = doing
  const look = (wanted: string): void =>
    run(async () => {
      setChannel(undefined)
      setChannel((await ask(apiKey, `/v1/channels/${encodeURIComponent(wanted)}`)) as ChannelShown)
    })
  return (
    <>
      <h1 id="view-title" tabIndex={-1}>
        Channels
      </h1>
      <LookUp id="channel" label="Channel" placeholder="news" doing={doing} look={look} />
      {channel !== undefined && (
        <div class="two">
          <div>
            <section class="card" aria-labelledby="channel-title">
              <h2 id="channel-title">{channel.channel}</h2>
              <Facts channel={channel} />
              <button type="button" disabled={busy} onClick={() => look(channel.channel)}>
                Look again
              </button>
              <p class="quiet">What follows the messages here counts as a subscriber, too.</p>
            </section>
            <Publish to={{ channel: channel.channel }} name={channel.channel} apiKey={apiKey} />
          </div>
          <Tail key={channel.channel} channel={channel.channel} apiKey={apiKey} />
        </div>
      )}
    </>
  )
}
