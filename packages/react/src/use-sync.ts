import type {
  ClientError,
  Message,
  Position,
  SluiceClient,
  Subscription,
  WebSocketClient,
} from '@sluice/client'
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { useGiven, wake } from './client.ts'
import { complain } from './complain.ts'
import { neverChanges, Store } from './store.ts'

/** What the application's backend says a state is. */
export interface Loaded<State> {
  readonly state: State
  /** Up to where the state goes, as the last publish of it was answered: what it contains does not come again. */
  readonly position?: Position | undefined
}

export interface SyncOptions<State, Data = unknown> {
  /** Fetches the state: first, and after each reset at the moment that the gateway has drawn. Where it fails it is called again. */
  readonly load: (position: Position | undefined) => Promise<Loaded<State>>
  /** The state after a message: another object, or React sees no change. Called once for each message behind the state, in order. */
  readonly apply: (state: State, message: Message<Data>) => State
  /** The gateway has refused the channel. Without this the console tells. */
  readonly onError?: ((error: ClientError) => unknown) | undefined
  /** Default: that of the provider. */
  readonly client?: WebSocketClient | undefined
}

export interface SyncView<State> {
  /** `undefined` until it was loaded once. */
  readonly state: State | undefined
  /** `loading`: for the first time or anew; `live`: kept up to date; `ended`: the channel is refused; `idle`: there is no channel. */
  readonly status: 'idle' | 'loading' | 'live' | 'ended'
  /** Of the load that failed last, or why the channel is refused. */
  readonly error: Error | undefined
}

const LOADING = { state: undefined, status: 'loading', error: undefined } as const
const IDLE = { ...LOADING, status: 'idle' } as const

class SyncStore extends Store<SyncView<unknown>> {
  readonly #client: SluiceClient
  readonly #channel: string
  /** Of the last render. */
  options: SyncOptions<unknown>
  #subscription: Subscription | undefined
  /** A load that came to its end behind a later one is of no use. */
  #latest: object = {}

  constructor(client: SluiceClient, channel: string, options: SyncOptions<unknown>) {
    super(LOADING)
    this.#client = client
    this.#channel = channel
    this.options = options
  }

  protected begin(): void {
    this.#subscription = this.#client.sync(this.#channel, {
      load: (position) => this.#load(position),
      apply: (message) => this.set({ state: this.options.apply(this.view().state, message) }),
      onError: (error) => {
        this.set({ status: 'ended', error })
        return complain(`the channel ${this.#channel}`, error, this.options.onError)
      },
    })
    wake(this.#client)
  }

  protected end(): void {
    this.#latest = {}
    this.#subscription?.unsubscribe()
    this.set({ status: 'loading', error: undefined })
  }

  async #load(position: Position | undefined): Promise<Position | undefined> {
    const mine = (this.#latest = {})
    this.set({ status: 'loading' })
    try {
      const loaded = await this.options.load(position)
      if (mine === this.#latest) this.set({ state: loaded.state, status: 'live', error: undefined })
      return loaded.position
    } catch (error) {
      if (mine === this.#latest)
        this.set({ error: error instanceof Error ? error : new Error(String(error)) })
      // The client tells of it too, and tries again.
      throw error
    }
  }
}

/** A state that is loaded from the application's backend and kept up to date by a channel, while the component is mounted. */
export function useSync<State, Data = unknown>(
  channel: string | undefined,
  options: SyncOptions<State, Data>,
): SyncView<State> {
  const client = useGiven(options.client) as SluiceClient
  const current = options as unknown as SyncOptions<unknown>
  const store = useMemo(
    () => (channel === undefined ? undefined : new SyncStore(client, channel, current)),
    // `load` and `apply` are those of the last render.
    [client, channel],
  )
  useEffect(() => {
    if (store !== undefined) store.options = current
  })
  const before = channel === undefined ? idle : loading
  return useSyncExternalStore(
    store?.subscribe ?? neverChanges,
    store?.view ?? before,
    before,
  ) as SyncView<State>
}

function idle(): SyncView<unknown> {
  return IDLE
}

function loading(): SyncView<unknown> {
  return LOADING
}
