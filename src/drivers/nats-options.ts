/**
 * What the client of NATS is told: where the servers are, who we are, and how often it tries.
 */
import { readFileSync } from 'node:fs'
import { credsAuthenticator, nkeyAuthenticator, type ConnectionOptions } from '@nats-io/transport-node'
import { trimmed } from './nats-identity.ts'
import { natsTarget } from './nats-url.ts'
import type { TlsFiles } from './tls-files.ts'
import type { Caught } from '../errors.ts'

export interface NatsLinkOptions {
  /** See `nats-url.ts`. */
  readonly urls: readonly string[]
  /** What the servers call this connection in their own lists. */
  readonly name: string
  /** What those who watch or subscribe throw. Absent: it is thrown outside of the client, where the process meets it. */
  readonly caught?: Caught
  /** Where answers to its requests go. Default: that of the client, `_INBOX`. */
  readonly inboxPrefix?: string
  /** A user JWT and its seed. */
  readonly credsFile?: string
  /** A user's seed. */
  readonly nkeyFile?: string
  /** TLS, whatever the scheme says. */
  readonly tls?: TlsFiles
}

const RECONNECT_WAIT_MS = 200
const RECONNECT_JITTER_MS = 100
/** A server that answers nothing is given up after three of these. */
const PING_INTERVAL_MS = 2_000
/** For a handshake, at first: another server may be well. */
const DIAL_TIMEOUT_MS = 2_000
/** A server that everybody comes back to at once takes longer, and whoever gives it up begins anew behind the others. */
const DIAL_TIMEOUT_MAX_MS = 10_000

/** How long a handshake may take after so long without a connection. */
export function dialTimeoutMs(awayMs: number): number {
  return Math.min(Math.max(DIAL_TIMEOUT_MS, awayMs / 2), DIAL_TIMEOUT_MAX_MS)
}

export interface LinkState {
  /** Whether it shall stop. */
  readonly closed: boolean
  /** For how long there has been no connection. */
  readonly awayMs: number
}

/** Throws where `urls` are not what `nats-url.ts` says. */
export function clientOptions(options: NatsLinkOptions, state: () => LinkState): ConnectionOptions {
  const { urls, name, inboxPrefix, credsFile, nkeyFile, tls: tlsFiles } = options
  const { servers, credentials, tls } = natsTarget(urls)
  return {
    servers: [...servers],
    name,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(credentials === undefined
      ? {}
      : 'token' in credentials
        ? { token: credentials.token }
        : { user: credentials.user, pass: credentials.password }),
    ...(credsFile === undefined ? {} : { authenticator: credsAuthenticator(fileSource(credsFile)) }),
    ...(nkeyFile === undefined ? {} : { authenticator: nkeyAuthenticator(seedSource(nkeyFile)) }),
    ...(tls || tlsFiles !== undefined ? { tls: { ...tlsFiles } } : {}),
    maxReconnectAttempts: -1,
    // A server whose users are being changed refuses for a moment, and the client would give up for good.
    ignoreAuthErrorAbort: true,
    // Called on the client's own copy of these options, before each attempt.
    reconnectDelayHandler(this: ConnectionOptions) {
      const { closed, awayMs } = state()
      // The only way to stop a client that has never been connected.
      if (closed) throw new Error('the link to NATS has been closed')
      this.timeout = dialTimeoutMs(awayMs)
      return RECONNECT_WAIT_MS + Math.floor(Math.random() * RECONNECT_JITTER_MS)
    },
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
    timeout: DIAL_TIMEOUT_MS,
    noAsyncTraces: true,
  }
}

/** Read at each connect, so that what was replaced is used; what cannot be read just now is as it was. */
function fileSource(path: string): () => Uint8Array {
  let last = readFileSync(path)
  return () => {
    try {
      last = readFileSync(path)
    } catch (error) {
      // In the middle of being replaced, perhaps. The server says whether the old one is still good.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error
    }
    return last
  }
}

/** A file ends with a line break, and a seed does not. */
function seedSource(path: string): () => Uint8Array {
  const source = fileSource(path)
  return () => trimmed(source())
}
