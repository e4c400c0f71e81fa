/**
 * Drains and rebalances: what runs, how one is begun (never without saying first what it would do), and the last reports.
 */
import { useState } from 'preact/hooks'
import { ask } from './access.ts'
import { JobCard, Report } from './job.tsx'
import { Fault, Field, useDoing } from './parts.tsx'
import type { ForecastShown, JobShown, ListedJobShown, NodeShown } from './shapes.ts'
import type { Watching } from './watching.ts'
import { count, dayTime, duration, forecastText, jobTitle, many, shortId } from './words.ts'

type Which = 'nodes' | 'version' | 'region'

interface Wish {
  readonly which: Which
  readonly nodes: readonly string[]
  readonly text: string
  readonly plan: string
  readonly parallel: string
  readonly deadline: string
  readonly to: string
  readonly reason: string
  readonly cordon: boolean
}

const EMPTY: Wish = {
  which: 'nodes',
  nodes: [],
  text: '',
  plan: '',
  parallel: '1',
  deadline: '',
  to: '',
  reason: '',
  cordon: false,
}

function bodyOf(wish: Wish): Readonly<Record<string, unknown>> {
  const { which, nodes, text, cordon } = wish
  const given = (['plan', 'deadline', 'to', 'reason'] as const).filter((name) => wish[name].trim() !== '')
  return {
    [which]: which === 'nodes' ? nodes : text.trim(),
    parallel: Number(wish.parallel),
    ...Object.fromEntries(given.map((name) => [name, wish[name].trim()])),
    ...(cordon ? { cordon } : {}),
  }
}

function Forecast({ forecast }: { readonly forecast: ForecastShown }) {
  const { takers, inTheWay, deadlineMs } = forecast
  return (
    <div class="forecast" role="status">
      <p>
        <b>{forecastText(forecast)}</b>
        {deadlineMs !== undefined && ` It ends after ${duration(deadlineMs)} in any case.`}
      </p>
      {inTheWay.length > 0 && (
        <ul class="why">
          {inTheWay.map((text) => (
            <li key={text}>In the way: {text}</li>
          ))}
        </ul>
      )}
      {takers.length > 0 && (
        <ul class="quiet">
          {takers.map(({ id, version, region, connections, room }) => (
            <li key={id}>
              <code>{shortId(id)}</code> ({version}, {region}) has {count(connections)}
              {room !== undefined && `, and room for ${count(room)}`}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

interface WishProps {
  readonly wish: Wish
  readonly set: (more: Partial<Wish>) => void
}

function WhichNodes({ wish, set, nodes }: WishProps & { readonly nodes: readonly NodeShown[] }) {
  return (
    <>
      <fieldset class="choice">
        <legend>Which nodes</legend>
        {(['nodes', 'version', 'region'] as const).map((which) => (
          <label key={which}>
            <input type="radio" name="which" checked={wish.which === which} onChange={() => set({ which })} />
            {{ nodes: 'these nodes', version: 'of a version', region: 'of a region' }[which]}
          </label>
        ))}
      </fieldset>
      {wish.which === 'nodes' ? (
        <fieldset class="choice">
          <legend>Nodes</legend>
          {nodes.map(({ id, version, connections }) => (
            <label key={id}>
              <input
                type="checkbox"
                checked={wish.nodes.includes(id)}
                onChange={(event) =>
                  set({
                    nodes: event.currentTarget.checked
                      ? [...wish.nodes, id]
                      : wish.nodes.filter((other) => other !== id),
                  })
                }
              />
              <code>{shortId(id)}</code> {version}, {many(connections, 'client')}
            </label>
          ))}
        </fieldset>
      ) : (
        <Field
          id="which-text"
          label={wish.which === 'version' ? 'Version' : 'Region'}
          value={wish.text}
          change={(text) => set({ text })}
          hint={wish.which === 'version' ? 'With * for anything: 1.4.*' : 'As the nodes say it'}
          required
        />
      )}
    </>
  )
}

function How({ wish, set }: WishProps) {
  return (
    <>
      <div class="row">
        <Field
          id="plan"
          label="Plan"
          value={wish.plan}
          change={(plan) => set({ plan })}
          placeholder="as configured"
          hint="5%/2m, 5000/30s, 10m, or fast"
        />
        <Field
          id="parallel"
          label="Nodes at a time"
          value={wish.parallel}
          change={(parallel) => set({ parallel })}
        />
        <Field
          id="deadline"
          label="Deadline"
          value={wish.deadline}
          change={(deadline) => set({ deadline })}
          placeholder="by the plan"
        />
        <Field id="to" label="To the region" value={wish.to} change={(to) => set({ to })} placeholder="any" />
        <Field
          id="reason"
          label="Reason"
          value={wish.reason}
          change={(reason) => set({ reason })}
          placeholder="for the report"
        />
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={wish.cordon}
          onChange={(event) => set({ cordon: event.currentTarget.checked })}
        />
        Keep them out when their supervisor starts them again
      </label>
    </>
  )
}

function Begin({ watching, apiKey }: { readonly watching: Watching; readonly apiKey: string }) {
  const [wish, setWish] = useState(EMPTY)
  const [forecast, setForecast] = useState<ForecastShown>()
  const { busy, fault, run } = useDoing()
  const set = (more: Partial<Wish>): void => {
    setWish({ ...wish, ...more })
    // It was said of something else.
    setForecast(undefined)
  }
  const look = (): void =>
    run(async () => {
      const body = { ...bodyOf(wish), dryRun: true }
      // Nothing is kept out by looking.
      const answer = (await ask(apiKey, '/v1/drains', { method: 'POST', body })) as {
        forecast: ForecastShown
      }
      setForecast(answer.forecast)
    })
  const begin = (): void =>
    run(async () => {
      await ask(apiKey, '/v1/drains', { method: 'POST', body: bodyOf(wish) })
      setForecast(undefined)
      setWish(EMPTY)
    })
  return (
    <form
      class="card"
      aria-labelledby="begin-title"
      onSubmit={(event) => {
        event.preventDefault()
        look()
      }}
    >
      <h2 id="begin-title">Drain nodes</h2>
      <WhichNodes wish={wish} set={set} nodes={watching.cluster?.nodes ?? []} />
      <How wish={wish} set={set} />
      {forecast !== undefined && <Forecast forecast={forecast} />}
      <div class="row">
        <button disabled={busy || (wish.which === 'nodes' && wish.nodes.length === 0)}>
          What would happen?
        </button>
        {forecast !== undefined && (
          <button type="button" class="danger" disabled={busy} onClick={begin}>
            Start the drain
          </button>
        )}
      </div>
      <Fault text={fault} />
    </form>
  )
}

function Rebalance({ apiKey }: { readonly apiKey: string }) {
  const [plan, setPlan] = useState('5m')
  const [told, setTold] = useState<string>()
  const { busy, fault, run } = useDoing()
  const begin = (dryRun: boolean): void =>
    run(async () => {
      const body = { plan: plan.trim(), ...(dryRun ? { dryRun } : {}) }
      const { job, forecast } = (await ask(apiKey, '/v1/rebalances', { method: 'POST', body })) as {
        job: ListedJobShown | null
        forecast?: ForecastShown
      }
      if (job === null) setTold('The nodes have about the same number of clients: there is nothing to move.')
      else setTold(dryRun && forecast !== undefined ? forecastText(forecast) : `${job.id} has begun.`)
    })
  return (
    <form
      class="card"
      aria-labelledby="rebalance-title"
      onSubmit={(event) => {
        event.preventDefault()
        begin(true)
      }}
    >
      <h2 id="rebalance-title">Rebalance</h2>
      <p class="quiet">
        Moves clients from nodes that have more than the average of their region to the others.
      </p>
      <div class="row">
        <Field id="rebalance-plan" label="Over" value={plan} change={setPlan} required />
        <button disabled={busy}>What would move?</button>
        <button type="button" disabled={busy} onClick={() => begin(false)}>
          Rebalance
        </button>
      </div>
      <p role="status">{told}</p>
      <Fault text={fault} />
    </form>
  )
}

function Ended(props: {
  readonly job: ListedJobShown
  readonly known: JobShown | undefined
  readonly apiKey: string
}) {
  const { job, known, apiKey } = props
  const [read, setRead] = useState<JobShown>()
  const { fault, run } = useDoing()
  const report = known ?? read
  const open = (): void => {
    if (report === undefined)
      run(async () => setRead(((await ask(apiKey, `/v1/drains/${job.id}`)) as { job: JobShown }).job))
  }
  return (
    <li>
      <details onToggle={(event) => event.currentTarget.open && open()}>
        <summary>
          <b>{jobTitle(job)}</b> <span class="quiet">{dayTime(job.at)}</span>
          <span class={`badge ${job.state === 'cancelled' ? 'held' : 'good'}`}>{job.state}</span>
          {job.endedAt !== undefined && <span class="quiet"> {duration(job.endedAt - job.at)}</span>}
        </summary>
        {report === undefined ? <p>{fault === undefined && 'Reading…'}</p> : <Report job={report} />}
        <Fault text={fault} />
      </details>
    </li>
  )
}

export function Moves({ watching, apiKey }: { readonly watching: Watching; readonly apiKey: string }) {
  const { jobs, reports } = watching
  const { running = [], ended = [], unavailable } = jobs
  return (
    <>
      <h1 id="view-title" tabIndex={-1}>
        Drains and deploys
      </h1>
      {unavailable !== undefined && <p class="fault">They cannot be seen now: {unavailable}</p>}
      {running.length === 0 && <p class="quiet">Nothing moves now.</p>}
      {running.map((job) => (
        <JobCard key={job.id} job={job} apiKey={apiKey} />
      ))}
      <div class="two">
        <div>
          <Begin watching={watching} apiKey={apiKey} />
          <Rebalance apiKey={apiKey} />
        </div>
        <section class="card" aria-labelledby="reports-title">
          <h2 id="reports-title">Reports of the last day</h2>
          {ended.length === 0 && <p class="quiet">There was no drain in the last day.</p>}
          <ul class="reports">
            {ended.map((job) => (
              <Ended key={job.id} job={job} known={reports.get(job.id)} apiKey={apiKey} />
            ))}
          </ul>
        </section>
      </div>
    </>
  )
}
