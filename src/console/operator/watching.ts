/**
 * What the console knows of the cluster, as the stream tells it, and what has become of it meanwhile.
 */
import { ask } from './access.ts'
import { Live, type LiveState } from './live.ts'
import type { ClusterShown, JobShown, JobsShown } from './shapes.ts'
import { clusterLines, jobLines, withLines, type Line } from './story.ts'
import { endText } from './words.ts'

export interface Sample {
  readonly at: number
  readonly cluster: ClusterShown
}

export interface Watching {
  readonly live: LiveState
  /** The node that is asked. */
  readonly node?: string
  readonly cluster?: ClusterShown
  readonly jobs: JobsShown
  readonly story: readonly Line[]
  /** The newest last; a quarter of an hour of them. */
  readonly samples: readonly Sample[]
  /** Of jobs that have ended while somebody looked. */
  readonly reports: ReadonlyMap<string, JobShown>
}

const SAMPLE_INTERVAL_MS = 1000
const SAMPLES_MAX = 900

export const NOTHING: Watching = {
  live: { kind: 'connecting' },
  jobs: {},
  story: [],
  samples: [],
  reports: new Map(),
}

export class Watcher {
  readonly #key: string
  readonly #changed: (now: Watching) => void
  readonly #live: Live
  readonly #ticks: ReturnType<typeof setInterval>
  #now = NOTHING

  constructor(key: string, changed: (now: Watching) => void) {
    this.#key = key
    this.#changed = changed
    this.#live = new Live({
      key,
      path: '/v1/watch',
      event: (name, data) => this.#take(name, data),
      state: (live) => this.#set({ live }),
    })
    this.#ticks = setInterval(() => this.#tick(), SAMPLE_INTERVAL_MS)
  }

  close(): void {
    this.#live.close()
    clearInterval(this.#ticks)
  }

  #set(more: Partial<Watching>): void {
    this.#now = { ...this.#now, ...more }
    this.#changed(this.#now)
  }

  #take(name: string, data: unknown): void {
    if (name === 'hello') this.#set({ node: (data as { readonly node: string }).node })
    if (name === 'cluster') this.#takeCluster(data as ClusterShown)
    if (name === 'jobs') this.#takeJobs(data as JobsShown)
  }

  #takeCluster(cluster: ClusterShown): void {
    const at = Date.now()
    const { story, samples, cluster: before } = this.#now
    const first = samples.length === 0 ? [{ at, cluster }] : samples
    this.#set({ cluster, story: withLines(story, clusterLines(before, cluster, at)), samples: first })
  }

  /** What has not changed is not sent again, and is so all the same; what is not heard is not known. */
  #tick(): void {
    const { live, cluster, samples } = this.#now
    if (cluster === undefined || live.kind !== 'live' || document.hidden) return
    this.#set({ samples: [...samples, { at: Date.now(), cluster }].slice(-SAMPLES_MAX) })
  }

  #takeJobs(jobs: JobsShown): void {
    const at = Date.now()
    const { running: before = [] } = this.#now.jobs
    if (jobs.running === undefined) {
      this.#set({ jobs: { ...this.#now.jobs, ...jobs } })
      return
    }
    const now = jobs.running
    const news = now.flatMap((job) =>
      jobLines(
        before.find(({ id }) => id === job.id),
        job,
        at,
      ),
    )
    const over = before.filter(({ id }) => !now.some((job) => job.id === id))
    this.#set({ jobs, story: withLines(this.#now.story, news) })
    for (const { id } of over) void this.#fetchReport(id)
  }

  /** What became of whom is asked for once it is known; where it cannot be had, the list of reports still has it. */
  async #fetchReport(id: string): Promise<void> {
    try {
      const { job } = (await ask(this.#key, `/v1/drains/${id}`)) as { readonly job: JobShown }
      const tone = job.state === 'cancelled' ? 'held' : job.forced > 0 ? 'bad' : 'good'
      const line: Line = { at: job.endedAt ?? Date.now(), tone, text: endText(job) }
      this.#set({
        story: withLines(this.#now.story, [line]),
        reports: new Map(this.#now.reports).set(id, job),
      })
    } catch (error) {
      const text = `${id} has ended; its report could not be read (${(error as Error).message})`
      this.#set({ story: withLines(this.#now.story, [{ at: Date.now(), tone: 'held', text }]) })
    }
  }
}
