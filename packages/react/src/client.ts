/**
 * Which client the hooks use: one for all components below a provider, or one that is given to a hook.
 */
import { SluiceClient, type FullClientOptions, type WebSocketClient } from '@sluice/client'
import {
  createContext,
  createElement,
  useContext,
  useEffect,
  useMemo,
  useRef,
  type ReactElement,
  type ReactNode,
} from 'react'
import { Held } from './held.ts'

const Context = createContext<WebSocketClient | undefined>(undefined)

export interface ProviderProps<Known = unknown> {
  /** The application's own. It is connected where it never was; nobody closes it. */
  readonly client?: WebSocketClient<Known>
  /**
   * Of a client that is connected while the provider is mounted, and closed then. Another `url` is another client; `token` is called as of
   * the last render; the other options are read once. For another user give the provider another `key`.
   */
  readonly options?: FullClientOptions
  readonly children?: ReactNode
}

/** Gives the components below it a client. */
export function SluiceProvider<Known = unknown>(props: ProviderProps<Known>): ReactElement {
  const { client, options, children } = props
  const own = useOwnClient(client === undefined ? options : undefined)
  const value = (client as WebSocketClient | undefined) ?? own
  if (value === undefined) throw new Error('SluiceProvider needs a client, or the options of one')
  useEffect(() => wake(value), [value])
  return createElement(Context.Provider, { value }, children)
}

function useOwnClient(options: FullClientOptions | undefined): WebSocketClient | undefined {
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const url = options?.url
  const owned = useMemo(() => {
    // Those of this render: another `url` comes with other options.
    const first = options
    if (first === undefined || url === undefined) return undefined
    const token = (): string | Promise<string> => {
      const source = latest.current?.token
      return typeof source === 'function' ? source() : (source as string)
    }
    // A token that is a text stays one: refused, there is no other to be had.
    const renewed = typeof first.token === 'function' ? { token } : {}
    const client = new SluiceClient({ ...first, url, ...renewed })
    const held = new Held(
      () => void client.connect(),
      () => client.close(),
    )
    return { client, held }
  }, [url])
  useEffect(() => owned?.held.hold(), [owned])
  return owned?.client
}

/** The client of the provider above, for what has no hook. Nobody checks that it is a `SluiceClient`: a `WebSocketClient` has less. */
export function useClient(): SluiceClient {
  return useGiven(undefined) as SluiceClient
}

/** The given client, or that of the provider above. */
export function useGiven(given: WebSocketClient | undefined): WebSocketClient {
  const found = useContext(Context)
  const client = given ?? found
  if (client === undefined)
    throw new Error(
      'there is no client: put <SluiceProvider client={…}> around the component, or give the hook one',
    )
  return client
}

/** Connects a client that nobody has connected yet: what is mounted shall not wait for ever. What was closed stays closed. */
export function wake(client: WebSocketClient): void {
  if (client.state === 'idle') void client.connect()
}
