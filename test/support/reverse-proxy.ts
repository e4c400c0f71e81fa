/** Real proxies with the files that the documentation shows; only addresses and paths are put in. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServerProcess, freePorts, temporaryDirectory } from './server-process.ts'

const OPERATIONS = new URL('../../docs/operations.md', import.meta.url)

export interface ReverseProxy {
  /** Of its TLS listener on loopback. */
  readonly port: number
  stop(): Promise<unknown>
}

/** The first file under a heading of docs/operations.md. */
function documentedFile(heading: string): string {
  const text = readFileSync(OPERATIONS, 'utf8')
  const section = text.slice(text.indexOf(`\n### ${heading}\n`))
  const [, file] = /\n```\w*\n([\s\S]*?)\n```\n/.exec(section) ?? []
  if (file === undefined) throw new Error(`docs/operations.md has no file under "${heading}"`)
  return file
}

/** Fails where something to replace is not there: the documentation has changed. */
function withValues(file: string, values: Readonly<Record<string, string>>): string {
  let result = file
  for (const [from, to] of Object.entries(values)) {
    if (!result.includes(from)) throw new Error(`the documented file has no "${from}"`)
    result = result.replaceAll(from, to)
  }
  return result
}

/** A certificate for `localhost`, and its key in a file of its own and in the same one. */
function certificate(folder: string): { both: string; certFile: string; keyFile: string } {
  const [certFile, keyFile, both] = ['cert.pem', 'key.pem', 'both.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const subject = ['-subj', '/CN=localhost', '-days', '2']
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile, '-out', certFile, ...subject],
    { stdio: 'ignore' },
  )
  writeFileSync(both, readFileSync(certFile, 'utf8') + readFileSync(keyFile, 'utf8'))
  return { both, certFile, keyFile }
}

export interface Target {
  readonly port: number
  readonly apiPort: number
}

export async function startHaproxy(heading: string, target: Target): Promise<ReverseProxy> {
  const directory = temporaryDirectory('haproxy')
  const { path } = directory
  const [port] = (await freePorts(1)) as [number]
  const file = withValues(documentedFile(heading), {
    'bind :443': `bind 127.0.0.1:${port}`,
    '/etc/haproxy/rt.example.com.pem': certificate(path).both,
    '10.0.0.5:8080': `127.0.0.1:${target.port}`,
    'check port 8081': `check port ${target.apiPort}`,
  })
  writeFileSync(join(path, 'haproxy.cfg'), `${file}\n`)
  const server = await ServerProcess.start({
    program: 'haproxy',
    install: 'apt-get install -y haproxy',
    args: ['-W', '-db', '-f', join(path, 'haproxy.cfg')],
    ready: 'Loading success',
  })
  return { port, stop: () => server.stop().finally(() => directory.remove()) }
}

export async function startNginx(heading: string, target: Target): Promise<ReverseProxy> {
  const directory = temporaryDirectory('nginx')
  const { path } = directory
  const [port] = (await freePorts(1)) as [number]
  const { certFile, keyFile } = certificate(path)
  const file = withValues(documentedFile(heading), {
    'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
    '/etc/nginx/rt.example.com.pem': certFile,
    '/etc/nginx/rt.example.com.key': keyFile,
    'server 10.0.0.5:8080': `server 127.0.0.1:${target.port}`,
  })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(path, name)};`,
  )
  writeFileSync(
    join(path, 'nginx.conf'),
    `daemon off;\npid ${join(path, 'pid')};\nerror_log stderr notice;\nworker_processes 1;\nevents {}\n` +
      `http {\naccess_log off;\n${temporary.join('\n')}\n${file}\n}\n`,
  )
  const server = await ServerProcess.start({
    program: 'nginx',
    install: 'apt-get install -y nginx',
    args: ['-p', path, '-c', join(path, 'nginx.conf'), '-e', 'stderr'],
    ready: 'start worker process ',
  })
  return { port, stop: () => server.stop().finally(() => directory.remove()) }
}
