/**
 * The flight recorder: what happens to one user, at whatever node, as it happens.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Live, type LiveState } from './live.ts'
import { Fault, Field } from './parts.tsx'
import { traceText, type TraceEvent } from './trace-words.ts'
import { clockTime, shortId } from './words.ts'

const SHOWN_MAX = 500

interface Row {
  readonly key: number
  readonly event: TraceEvent
}

/** For how long, and whether payloads are told: that is asked for each time. */
interface Wish {
  readonly forText: string
  readonly payloads: boolean
}

function useTrace(user: string, apiKey: string, wish: Wish | undefined, over: () => void) {
  const [rows, setRows] = useState<readonly Row[]>([])
  const [state, setState] = useState<LiveState>()
  const keys = useRef(0)
  useEffect(() => {
    if (wish === undefined) return undefined
    setRows([])
    const query = new URLSearchParams({ for: wish.forText, payloads: String(wish.payloads) })
    const live = new Live({
      key: apiKey,
      path: `/v1/users/${encodeURIComponent(user)}/trace?${query.toString()}`,
      state: setState,
      event(_, data) {
        const row = { key: ++keys.current, event: data as TraceEvent }
        setRows((before) => [row, ...before].slice(0, SHOWN_MAX))
        if (row.event.type === 'over') over()
      },
    })
    return () => live.close()
  }, [user, apiKey, wish])
  return { rows, state }
}

export function Trace({ user, apiKey }: { readonly user: string; readonly apiKey: string }) {
  const [forText, setForText] = useState('10m')
  const [payloads, setPayloads] = useState(false)
  const [wish, setWish] = useState<Wish>()
  const { rows, state } = useTrace(user, apiKey, wish, () => setWish(undefined))
  const refused = state?.kind === 'refused' ? state.why : undefined
  return (
    <section class="card trace" aria-labelledby="trace-title">
      <h2 id="trace-title">Flight recorder</h2>
      <p class="quiet">
        Follows {user} across the cluster: connections, messages by position, acknowledgements, moves, and why
        something ended. It is a line of the audit log.
      </p>
      <form
        class="row"
        aria-label={`Follow ${user}`}
        onSubmit={(event) => {
          event.preventDefault()
          setWish({ forText: forText.trim(), payloads })
        }}
      >
        <Field id="trace-for" label="For" value={forText} change={setForText} required />
        <label class="check">
          <input
            type="checkbox"
            checked={payloads}
            onChange={(event) => setPayloads(event.currentTarget.checked)}
          />
          with payloads
        </label>
        {wish === undefined || refused !== undefined ? (
          <button>Follow</button>
        ) : (
          <button type="button" onClick={() => setWish(undefined)}>
            Stop
          </button>
        )}
        <p role="status" class="quiet">
          {wish !== undefined && state?.kind === 'live' && 'following'}
          {wish !== undefined && state?.kind === 'away' && `not connected (${state.why}); trying again`}
        </p>
      </form>
      <Fault text={refused} />
      <div class="lines" role="log" aria-live="off" aria-label={`What happens to ${user}`} tabIndex={0}>
        <ol>
          {rows.map(({ key, event }) => (
            <li key={key} class={event.type === 'reset' || event.type === 'error' ? 'reset' : ''}>
              <time dateTime={new Date(event.at ?? Date.now()).toISOString()}>
                {clockTime(event.at ?? Date.now())}
              </time>{' '}
              <code class="quiet">{event.node === undefined ? '' : shortId(event.node)}</code>{' '}
              {traceText(event)}
            </li>
          ))}
        </ol>
      </div>
    </section>
  )
}
