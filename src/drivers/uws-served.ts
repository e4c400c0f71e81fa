/** What serves the sockets of a listener, with which certificates, and how a topic is published to all of them but one. */
import { withoutOutput } from './quiet-output.ts'
import { loadUws, type Native } from './uws-binary.ts'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** What a listener shows: its own certificate, and others to those who ask for their names (SNI). */
export interface ListenerCertificates extends CertificateFiles {
  readonly names?: Readonly<Record<string, CertificateFiles>>
}

/** What serves the connections of one certificate; the library takes one for good. */
export interface Served {
  readonly app: Native.TemplatedApp
  /** Its WebSockets. */
  sockets: number
}

/** Fails where the files cannot be used. */
export function serve(tls: CertificateFiles | undefined): Served {
  const { uWS } = loadUws()
  const app = tls === undefined ? uWS.App() : uWS.SSLApp(filesOf(tls))
  return { app, sockets: 0 }
}

/**
 * Adds the certificates by name. In the library each name has routes of its own, and what is routed once one was chosen is
 * for that name: so this is done last, with all routes there are. Topics are of the whole app. Fails as `serve` does.
 */
export function serveNames(
  served: Served,
  names: Readonly<Record<string, CertificateFiles>>,
  routes: readonly ((served: Served) => void)[],
): void {
  // The library says nothing of files that it cannot use for a name, and crashes when the app ends: so they are tried first.
  for (const files of Object.values(names)) serve(files).app.close()
  for (const [name, files] of Object.entries(names)) {
    served.app.addServerName(name, filesOf(files))
    // It says on standard output which name it has found.
    withoutOutput(() => served.app.domain(name))
    for (const route of routes) route(served)
  }
}

function filesOf({ certFile, keyFile }: CertificateFiles): Native.AppOptions {
  return { cert_file_name: certFile, key_file_name: keyFile }
}

/** What a socket has with it. */
export interface Owned<Connection> {
  connection: Connection
  /** Only with certificates there may be several, and only then a socket knows its own. */
  served?: Served
  /** Of a `BacklogWatch`, where there is one. */
  watchedAt?: number | undefined
}

/** A socket that is to be left out. */
export interface TopicMember {
  publish(topic: string, message: Uint8Array, binary: boolean, compress: boolean): unknown
}

export interface TopicMessage {
  readonly topic: string
  readonly message: Uint8Array
  readonly binary: boolean
  readonly compress: boolean
}

export function own<Connection>(
  data: Owned<Connection>,
  connection: Connection,
  served: Served | undefined,
): void {
  data.connection = connection
  if (served !== undefined) data.served = served
}

/** What a socket publishes goes to all others of its own app. The first of `all` is the one of today. */
export function publishAround(except: TopicMember, all: readonly Served[], what: TopicMessage): void {
  const { topic, message, binary, compress } = what
  const { served } = (except as unknown as { getUserData(): Owned<unknown> }).getUserData()
  for (const one of all) {
    if (one === (served ?? all[0])) except.publish(topic, message, binary, compress)
    else if (one.sockets > 0) one.app.publish(topic, message, binary, compress)
  }
}
