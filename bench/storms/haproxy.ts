/** A real HAProxy in TCP mode, as it stands in front of nodes: it asks each for /readyz. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, ServerProcess, temporaryDirectory } from '../../test/support/server-process.ts'

export interface Backend {
  readonly port: number
  readonly apiPort: number
}

export interface HaProxy {
  readonly port: number
  close(): Promise<void>
}

export async function startHaProxy(backends: readonly Backend[]): Promise<HaProxy> {
  const directory = temporaryDirectory('haproxy')
  const port = await freePort()
  const file = join(directory.path, 'haproxy.cfg')
  writeFileSync(
    file,
    [
      'global',
      '  maxconn 9000',
      'defaults',
      '  mode tcp',
      '  timeout connect 2s',
      '  timeout client 1h',
      '  timeout server 1h',
      '  retries 3',
      '  option redispatch 1',
      'frontend clients',
      `  bind 127.0.0.1:${port}`,
      '  default_backend nodes',
      'backend nodes',
      '  balance roundrobin',
      '  option httpchk',
      // The node speaks HTTP/1.1 only.
      '  http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host node',
      '  http-check expect status 200',
      '  default-server check inter 200ms fall 1 rise 1',
      ...backends.map(
        (backend, index) => `  server n${index} 127.0.0.1:${backend.port} port ${backend.apiPort} check`,
      ),
      '',
    ].join('\n'),
  )
  const haproxy = await ServerProcess.start({
    program: 'haproxy',
    install: 'apt-get install haproxy',
    args: ['-f', file, '-db', '-V'],
    ready: 'Using epoll',
  })
  return {
    port,
    async close() {
      await haproxy.kill()
      directory.remove()
    },
  }
}
