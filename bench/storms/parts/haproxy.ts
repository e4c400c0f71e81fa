/**
 * A real HAProxy, set up as docs/operations.md says: it asks each node for /readyz, takes one that is not ready out after two
 * answers, and balances by connections.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts, ServerProcess, temporaryDirectory } from '../../../test/support/server-process.ts'

export interface Backend {
  readonly port: number
  readonly apiPort: number
}

export interface HaProxy {
  /** For clients. */
  readonly port: number
  /** For backends that publish. Bytes are passed on, as a Service of Kubernetes does: what is kept open stays where it is. */
  readonly apiPort: number
  close(): Promise<void>
}

/** Of the file descriptors that a process may have, two for each connection, and some for the checks. */
const CONNECTIONS_MAX = 9000

export async function startHaProxy(backends: readonly Backend[]): Promise<HaProxy> {
  const directory = temporaryDirectory('haproxy')
  const [port, apiPort] = (await freePorts(2)) as [number, number]
  const file = join(directory.path, 'haproxy.cfg')
  writeFileSync(file, `${configuration(backends, port, apiPort).join('\n')}\n`)
  const haproxy = await ServerProcess.start({
    program: 'haproxy',
    install: 'apt-get install haproxy',
    args: ['-f', file, '-db', '-V'],
    ready: 'Using epoll',
  })
  return {
    port,
    apiPort,
    async close() {
      await haproxy.kill()
      directory.remove()
    },
  }
}

function configuration(backends: readonly Backend[], port: number, apiPort: number): string[] {
  const check = [
    '  balance leastconn',
    '  option httpchk',
    '  http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host sluice',
    '  http-check expect status 200',
    '  default-server inter 2s fall 2 rise 1',
  ]
  return [
    'global',
    `  maxconn ${CONNECTIONS_MAX}`,
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 130s',
    '  timeout server 130s',
    '  timeout tunnel 1h',
    'frontend public',
    `  bind 127.0.0.1:${port}`,
    '  default_backend clients',
    'backend clients',
    // What the clients say of where they are stays in front of it: they stand for users behind a CDN.
    '  option forwardfor',
    '  option http-no-delay',
    // Who asks for a node that has just died is given another: an `EventSource` that is answered with 503 never comes back.
    '  option redispatch 1',
    '  retry-on conn-failure empty-response',
    ...check,
    ...backends.map((node, i) => `  server n${i} 127.0.0.1:${node.port} check port ${node.apiPort}`),
    'frontend api',
    '  mode tcp',
    `  bind 127.0.0.1:${apiPort}`,
    '  default_backend publishers',
    'backend publishers',
    '  mode tcp',
    ...check,
    ...backends.map((node, i) => `  server n${i} 127.0.0.1:${node.apiPort} check`),
  ]
}
