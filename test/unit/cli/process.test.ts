import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { fakeGateway } from './fake-gateway.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { createNode } from '../../../src/node/node.ts'

const SLUICE = [
  '--import',
  pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href,
  fileURLToPath(new URL('sluice.ts', import.meta.url)),
]
const SECRET = 'a secret of thirty-two characters'

function start(
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
): ChildProcess {
  const child = spawn(process.execPath, [...flags, ...SLUICE, ...words], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: 'pipe',
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))
}

/** Resolves with all that was written until the text is in it. */
function written(child: ChildProcess, wanted: string): Promise<string> {
  let seen = ''
  return new Promise((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (seen.includes(wanted)) resolve(seen)
    })
  })
}

it('serve runs until SIGTERM, and then exits with 0', async () => {
  const child = start(['serve', '--port', '0', '--api-port', '0'], {
    SLUICE_JWT_SECRET: SECRET,
    SLUICE_API_KEYS: 'shop:publish:0123456789abcdef',
  })
  const exit = exitOf(child)
  await written(child, 'the node is ready')
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
})

it.skipIf(process.platform !== 'linux').each([['serve'], ['dev']])(
  '%s says that too few files may be open, and what to do',
  async (command) => {
    const words = [...SLUICE, command, '--port', '0', '--api-port', '0']
    const child = spawn('/bin/sh', ['-c', 'ulimit -n 512 && exec "$@"', 'sh', process.execPath, ...words], {
      env: {
        PATH: process.env['PATH'],
        ...(command === 'serve'
          ? { SLUICE_JWT_SECRET: SECRET, SLUICE_API_KEYS: 'a:publish:0123456789abcdef' }
          : {}),
      },
      stdio: 'pipe',
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const seen = await written(child, 'this process may have 512 files open')
    expect(seen).toContain(
      command === 'dev' ? 'Sluice is running, for development only.' : 'the node is ready',
    )
  },
)

it('SIGHUP takes up the level of the log, names what needs a restart, and ends nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-reload-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'sluice.yaml')
  const base = { host: '127.0.0.1', port: 0, api: { port: 0, keys: ['shop:publish:0123456789abcdef'] } }
  const auth = { jwtSecret: SECRET }
  const write = (more: object): void => writeFileSync(file, JSON.stringify({ ...base, auth, ...more }))
  write({ log: { level: 'info' } })
  const child = start(['serve', '--config', file])
  const exit = exitOf(child)
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await written(child, 'the node is ready')

  write({ log: { level: 'nonsense' } })
  child.kill('SIGHUP')
  await expect.poll(() => output).toContain('cannot be used: nothing has changed')

  write({ log: { level: 'warn' }, limits: { payload: 1024 }, auth: { jwtSecret: `${SECRET} another` } })
  child.kill('SIGHUP')
  await expect.poll(() => output).toContain('the configuration was read again"')
  const line = output.split('\n').find((one) => one.includes('the configuration was read again"')) ?? ''
  expect(JSON.parse(line)).toMatchObject({
    reloaded: ['log.level'],
    needRestart: ['auth.jwtSecret', 'limits.payload'],
    level: 'warn',
  })
  expect(output).not.toContain('another')

  child.kill('SIGTERM')
  expect(await exit).toBe(0)
  // Told at `info`, which is not shown any more.
  expect(output).not.toContain('the node has stopped')
})

it.each(['SIGTERM', 'SIGHUP'] as const)(
  'the end of npm by %s, which its shell does not pass on, ends the gateway',
  async (signal) => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-npm-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const line = [process.execPath, ...SLUICE, 'dev', '--port', '0', '--api-port', '0']
    const script = `true && ${line.map((word) => JSON.stringify(word)).join(' ')}`
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'x', scripts: { dev: script } }))
    const child = spawn('npm', ['run', '--silent', 'dev'], {
      cwd: directory,
      env: { PATH: process.env['PATH'], HOME: directory },
      stdio: 'pipe',
      // Not by a word to all processes of a group, as a terminal has it.
      detached: true,
    })
    onTestFinished(() => killGroup(child))
    // Held open by the gateway too, whoever has started it.
    const ended = new Promise<void>((resolve) => child.stdout.once('close', resolve))
    await written(child, 'Sluice is running')
    child.kill(signal)
    await ended
  },
)

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // All of it has ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A node that meets faults which nothing catches: an exception on SIGUSR2, a rejection on SIGPIPE. */
async function faultyNode(): Promise<{ child: ChildProcess; apiUrl: string; output: () => string }> {
  const faults = fileURLToPath(new URL('../../fixtures/faults-by-signal.mjs', import.meta.url))
  const child = start(
    ['serve', '--port', '0', '--api-port', '0'],
    { SLUICE_JWT_SECRET: SECRET, SLUICE_API_KEYS: 'shop:publish:0123456789abcdef' },
    ['--import', faults],
  )
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const seen = await written(child, 'the node is ready')
  const port = /"apiPort":(\d+)/.exec(seen)?.[1] ?? ''
  return { child, apiUrl: `http://127.0.0.1:${port}`, output: () => output }
}

it('a rejection that nobody took is counted and logged once, and the node lives', async () => {
  const { child, apiUrl, output } = await faultyNode()
  const exit = exitOf(child)
  const metrics = async (): Promise<string> => (await fetch(`${apiUrl}/metrics`)).text()
  for (let rejections = 1; rejections <= 3; rejections++) {
    child.kill('SIGPIPE')
    await expect.poll(metrics).toContain(`sluice_faults_total{place="unhandled_rejection"} ${rejections}\n`)
  }
  expect(output().match(/a rejection that was put in/g)).toHaveLength(2)
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
  expect(output()).toMatch(/"count":2,"msg":"a fault of the gateway"/)
})

it('an exception that nothing caught is logged, and the node ends in order, with 1', async () => {
  const { child, output } = await faultyNode()
  const [exit, err] = [exitOf(child), text(child.stderr as NodeJS.ReadableStream)]
  child.kill('SIGUSR2')
  expect(await exit).toBe(1)
  expect(output()).toContain('an exception that was put in')
  expect(output()).toContain('"place":"uncaught_exception"')
  expect(output()).toContain('the node has stopped')
  expect(await err).toBe('sluice: the node has ended, since it had met a fault: its log says which\n')
})

it('serve with a wrong configuration exits with 2 and one line', async () => {
  const child = start(['serve'], { SLUICE_PORT: 'x' })
  const [exit, err] = await Promise.all([exitOf(child), text(child.stderr as NodeJS.ReadableStream)])
  expect(exit).toBe(2)
  expect(err).toBe('sluice: port (SLUICE_PORT) is "x"; allowed: a whole number from 0 to 65535\n')
})

it('publish sends a line when it comes, not when the pipe ends', async () => {
  let received = (): void => undefined
  const first = new Promise<void>((resolve) => {
    received = resolve
  })
  const { url } = await fakeGateway(({ body }) => {
    received()
    return { status: 200, body: (JSON.parse(body) as unknown[]).map(() => ({})) }
  })
  const child = start(['publish', 'logs', '-', '--url', url])
  const exit = exitOf(child)
  const err = text(child.stderr as NodeJS.ReadableStream)
  child.stdin?.write('one\n')
  await first
  child.stdin?.end('two')
  expect(await exit).toBe(0)
  expect(await err).toBe('sluice: 2 lines published in 2 requests\n')
})

it('tail ends quietly when nobody reads it any more', async () => {
  const node = await createNode(
    loadConfig({
      dev: true,
      settings: { port: 0, api: { port: 0 }, auth: { jwtSecret: SECRET }, log: { level: 'silent' } },
    }),
  )
  await node.start()
  onTestFinished(() => node.close())
  // More than a pipe holds (64 KiB on Linux), so that the writer notices.
  const messages = Array.from({ length: 100 }, () => ({ channel: 'news', data: 'x'.repeat(10_000) }))
  const published = await fetch(`${node.apiUrl}/v1/publish`, {
    method: 'POST',
    headers: { authorization: 'Bearer dev', 'content-type': 'application/json' },
    body: JSON.stringify(messages),
  })
  expect(published.status).toBe(200)
  const child = start(['tail', 'news', '--last', '100'], { SLUICE_URL: node.url, SLUICE_JWT_SECRET: SECRET })
  const err = text(child.stderr as NodeJS.ReadableStream)
  const exit = exitOf(child)
  child.stdout?.once('data', () => child.stdout?.destroy())
  expect(await exit).toBe(0)
  expect(await err).toBe('')
})

it('without a build the command says what to run', async () => {
  const clone = mkdtempSync(join(tmpdir(), 'sluice-clone-'))
  onTestFinished(() => rmSync(clone, { recursive: true }))
  for (const path of ['bin', 'package.json']) cpSync(path, join(clone, path), { recursive: true })
  const child = spawn(process.execPath, [join(clone, 'bin', 'sluice.js'), '--help'])
  const [exit, err] = await Promise.all([exitOf(child), text(child.stderr)])
  expect(exit).toBe(1)
  expect(err).toMatch(/^sluice: dist\/ is missing.*npm ci.*\n$/)
})
