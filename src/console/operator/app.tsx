/**
 * The console as a whole: the key, the stream, and which view is shown.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { forgetKey, HERE, keepKey, storedKey } from './access.ts'
import { Channels } from './channels.tsx'
import type { LiveState } from './live.ts'
import { Moves } from './moves.tsx'
import { Overview } from './overview.tsx'
import { SignIn } from './sign-in.tsx'
import { Users } from './users.tsx'
import { NOTHING, Watcher, type Watching } from './watching.ts'
import { clockTime } from './words.ts'

const VIEWS = { cluster: 'Cluster', moves: 'Drains', channels: 'Channels', users: 'Users' } as const
type View = keyof typeof VIEWS

function viewIn(hash: string): View {
  const name = hash.replace(/^#/, '')
  return Object.hasOwn(VIEWS, name) ? (name as View) : 'cluster'
}

function useView(): View {
  const [view, setView] = useState(viewIn(location.hash))
  useEffect(() => {
    const change = (): void => setView(viewIn(location.hash))
    addEventListener('hashchange', change)
    return () => removeEventListener('hashchange', change)
  }, [])
  return view
}

function refusal({ status, why }: { readonly status: number; readonly why: string }): string {
  if (status === 401) return `The node refuses this key: ${why}`
  if (status === 403) return `This key may not look at the cluster: ${why}. The console needs the scope admin`
  return why
}

function Away({ live, watching }: { readonly live: LiveState; readonly watching: Watching }) {
  if (live.kind !== 'away') return null
  const others = (watching.cluster?.nodes ?? []).filter(({ id }) => id !== watching.node)
  return (
    <div class="banner" role="alert">
      <p>
        <b>Nothing is heard of the node at {HERE}</b> since {clockTime(live.since)}: {live.why}. What you see
        is from then. It is tried again all the time.
      </p>
      {others.length > 0 && (
        <p>
          The same console is at{' '}
          {others.map(({ id, address }) => (
            <code key={id}>{address} </code>
          ))}
        </p>
      )}
    </div>
  )
}

const LIVE_WORDS = {
  connecting: 'connecting…',
  live: 'live',
  away: 'not connected',
  refused: 'refused',
} as const

function Console({ apiKey, leave }: { readonly apiKey: string; readonly leave: (fault?: string) => void }) {
  const [watching, setWatching] = useState<Watching>(NOTHING)
  const view = useView()
  const seen = useRef(view)
  useEffect(() => {
    const watcher = new Watcher(apiKey, setWatching)
    return () => watcher.close()
  }, [apiKey])
  const { live } = watching
  useEffect(() => {
    if (live.kind === 'refused') leave(refusal(live))
  }, [live])
  // With the view itself: an effect would come later, and take the focus from a field that somebody is in by then.
  useLayoutEffect(() => {
    document.title = `${VIEWS[view]} – Sluice console`
    // Who has chosen a view is there, also by the word of a screen reader.
    if (seen.current !== view) document.getElementById('view-title')?.focus()
    seen.current = view
  }, [view])
  return (
    <>
      <a
        class="skip"
        href="#view"
        onClick={(event) => {
          event.preventDefault()
          document.getElementById('view-title')?.focus()
        }}
      >
        To the content
      </a>
      <header class="top">
        <img src="/console.svg" alt="" width="28" height="28" />
        <strong>Sluice</strong>
        <nav aria-label="Views">
          {(Object.keys(VIEWS) as View[]).map((name) => (
            <a key={name} href={`#${name}`} aria-current={view === name ? 'page' : undefined}>
              {VIEWS[name]}
            </a>
          ))}
        </nav>
        <span class={`badge ${live.kind === 'live' ? 'good' : 'held'}`} role="status">
          {LIVE_WORDS[live.kind]}
        </span>
        <button type="button" onClick={() => leave()}>
          Sign out
        </button>
      </header>
      <main id="view" class={live.kind === 'away' ? 'old' : ''}>
        <Away live={live} watching={watching} />
        {view === 'cluster' && <Overview watching={watching} apiKey={apiKey} />}
        {view === 'moves' && <Moves watching={watching} apiKey={apiKey} />}
        {view === 'channels' && <Channels apiKey={apiKey} />}
        {view === 'users' && <Users watching={watching} apiKey={apiKey} />}
      </main>
    </>
  )
}

export function App() {
  const [key, setKey] = useState(storedKey())
  const [fault, setFault] = useState<string>()
  const enter = (given: string, remember: boolean): void => {
    keepKey(given, remember)
    setFault(undefined)
    setKey(given)
  }
  const leave = (why?: string): void => {
    forgetKey()
    setKey(undefined)
    setFault(why)
  }
  return key === undefined ? <SignIn fault={fault} enter={enter} /> : <Console apiKey={key} leave={leave} />
}
