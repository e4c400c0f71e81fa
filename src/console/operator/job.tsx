/**
 * A drain or a rebalance: how far it is, what holds it and why, what an operator can do with it, and what it has proven.
 */
import { useState } from 'preact/hooks'
import { ask } from './access.ts'
import { Bar, Fault, Field, Sure, useDoing } from './parts.tsx'
import type { CountsShown, JobShown } from './shapes.ts'
import {
  count,
  dayTime,
  duration,
  jobTitle,
  paceText,
  PART_WORDS,
  percent,
  proofText,
  shortId,
} from './words.ts'

function Controls({ job, apiKey }: { readonly job: JobShown; readonly apiKey: string }) {
  const { id, state, plan } = job
  const { busy, fault, run } = useDoing()
  const [newPlan, setPlan] = useState('')
  const change = (body: object): void =>
    run(() => ask(apiKey, `/v1/drains/${id}`, { method: 'POST', body }).then(() => undefined))
  const cancel = (): void =>
    run(() => ask(apiKey, `/v1/drains/${id}`, { method: 'DELETE' }).then(() => undefined))
  return (
    <>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault()
          change({ plan: newPlan.trim() })
        }}
      >
        {state === 'paused' ? (
          <button type="button" disabled={busy} onClick={() => change({ paused: false })}>
            Go on
          </button>
        ) : (
          <button type="button" disabled={busy} onClick={() => change({ paused: true })}>
            Pause
          </button>
        )}
        <Sure question="Ask everybody to go now?" disabled={busy} run={() => change({ finish: true })}>
          Everybody now
        </Sure>
        <Sure question="Cancel it? Who has not moved stays." disabled={busy} run={cancel}>
          Cancel
        </Sure>
        <Field
          label="Another plan"
          id={`plan-${id}`}
          value={newPlan}
          change={setPlan}
          placeholder={plan}
          required
        />
        <button disabled={busy || newPlan.trim() === ''}>Change</button>
      </form>
      <Fault text={fault} />
    </>
  )
}

function Turns({ nodes }: Pick<JobShown, 'nodes'>) {
  return (
    <ol class="turns">
      {nodes.map(({ id: node, part, clients, progress }) => (
        <li key={node} class={part}>
          <code>{shortId(node)}</code> {PART_WORDS[part]}
          <span class="quiet">
            {' '}
            {progress === undefined ? `${count(clients)} clients` : `${count(progress.remaining)} to go`}
          </span>
        </li>
      ))}
    </ol>
  )
}

export function JobCard({ job, apiKey }: { readonly job: JobShown; readonly apiKey: string }) {
  const { id, by, reason, plan, parallel, total, remaining, holding, state, nodes, to, told, moved, forced } =
    job
  const held = state === 'paused' || holding !== undefined
  const tone = held ? 'held' : 'good'
  return (
    <article class={`card job ${tone}`} aria-label={jobTitle(job)}>
      <header>
        <h2>{jobTitle(job)}</h2>
        <span class={`badge ${tone}`}>{state === 'paused' ? 'paused' : held ? 'held' : 'moving'}</span>
      </header>
      <p class="quiet">
        <code>{id}</code> by {by}, plan {plan}
        {nodes.length > 1 && `, ${parallel} of ${nodes.length} nodes at a time`}
        {to !== undefined && `, to ${to}`}
        {reason !== undefined && `: “${reason}”`}
      </p>
      <Bar label="Clients that have gone" part={total - remaining} whole={total} tone={tone} />
      <p class="pace">
        <b>{percent(total - remaining, total)}</b> of {count(total)} gone, {count(remaining)} to go.{' '}
        <span class={held ? 'why' : ''}>{paceText(job)}.</span>
      </p>
      <p>
        {count(told)} told, {count(moved)} moved,{' '}
        {forced === 0 ? 'nobody cut off' : `${count(forced)} closed`}.
      </p>
      {nodes.length > 1 && <Turns nodes={nodes} />}
      <Controls job={job} apiKey={apiKey} />
    </article>
  )
}

const ROWS: readonly (readonly [string, (counts: CountsShown) => string])[] = [
  ['told', ({ told }) => count(told)],
  ['moved', ({ moved }) => count(moved)],
  ['went on where they were', ({ resumed }) => count(resumed)],
  ['came back by themselves', ({ returned }) => count(returned)],
  ['closed', ({ forced }) => count(forced)],
  ['not seen since', ({ unseen }) => count(unseen)],
  ['messages repaired', ({ replayed }) => count(replayed)],
  ['without a connection, p50', ({ gaps }) => (gaps === undefined ? '–' : duration(gaps.p50Ms))],
  ['p95', ({ gaps }) => (gaps === undefined ? '–' : duration(gaps.p95Ms))],
  ['longest', ({ gaps }) => (gaps === undefined ? '–' : duration(gaps.maxMs))],
]

const TRANSPORT_WORDS = { websocket: 'WebSocket', sse: 'Streams', poll: 'Polls' } as const

export function Report({ job }: { readonly job: JobShown }) {
  const transports = Object.entries(job.transports) as [keyof typeof TRANSPORT_WORDS, CountsShown][]
  const columns: readonly (readonly [string, CountsShown])[] = [
    ['All', job],
    ...transports.map(([name, counts]) => [TRANSPORT_WORDS[name], counts] as const),
  ]
  return (
    <div class="report">
      <p>
        {job.state === 'cancelled' ? 'Cancelled: ' : ''}
        {proofText(job)}.{job.movesPerClient !== undefined && ` Moves per client: ${job.movesPerClient}.`}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label={`Counts of ${job.id}`}>
        <table>
          <thead>
            <tr>
              <td />
              {columns.map(([name]) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {ROWS.map(([name, of]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {columns.map(([column, counts]) => (
                  <td key={column}>{of(counts)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="quiet">
        Asked by {job.by} at {dayTime(job.at)}, plan {job.plan}
        {job.target !== undefined && `, when clients went to version ${job.target}`}
        {job.reason !== undefined && `: “${job.reason}”`}
      </p>
      <ul class="turns">
        {job.nodes.map(({ id, version, region, part, progress }) => (
          <li key={id} class={part}>
            <code>{shortId(id)}</code> ({version}, {region}) {PART_WORDS[part]}
            {progress !== undefined && <span class="quiet"> {count(progress.moved)} moved</span>}
          </li>
        ))}
      </ul>
    </div>
  )
}
