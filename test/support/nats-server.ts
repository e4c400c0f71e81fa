/**
 * Real NATS servers for tests: one alone, or three as a cluster, with JetStream.
 */
import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { freePorts, ServerProcess, temporaryDirectory } from './server-process.ts'

interface Layout {
  readonly name: string
  readonly port: number
  readonly monitorPort: number
  readonly cluster: { readonly port: number; readonly routes: readonly number[] } | undefined
  /** More lines of its configuration. */
  readonly more?: readonly string[]
}

export class NatsServer {
  readonly port: number
  readonly #layout: Layout
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
  async restart(): Promise<void> {
    await this.#process.kill()
    this.#process = await launch(this.#layout, this.#directory.path)
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

  static async start(): Promise<NatsCluster> {
    const ports = await freePorts(9)
    const routes = ports.slice(6)
    const servers = await Promise.all(
      [0, 1, 2].map((i) =>
        NatsServer.start({
          name: `n${i}`,
          port: ports[i] as number,
          monitorPort: ports[i + 3] as number,
          cluster: { port: routes[i] as number, routes },
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

function launch(
  { name, port, monitorPort, cluster, more = [] }: Layout,
  directory: string,
): Promise<ServerProcess> {
  const configuration = join(directory, 'nats.conf')
  writeFileSync(
    configuration,
    [
      `server_name: ${name}`,
      `listen: 127.0.0.1:${port}`,
      `http: 127.0.0.1:${monitorPort}`,
      'lame_duck_duration: 30s',
      'lame_duck_grace_period: 1s',
      `jetstream { store_dir: "${join(directory, 'jetstream')}", max_mem: 256MB, max_file: 1GB }`,
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
  return ServerProcess.start({
    program: 'nats-server',
    install: 'apt-get install nats-server',
    args: ['-c', configuration],
    ready: 'Server is ready',
  })
}
