import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLUSTER_PROGRAM, LocalCluster } from '../support/local-cluster.ts'
import { temporaryDirectory } from '../support/server-process.ts'

/** `npm run cluster`: what it prints works, and nothing is left of it. */

function runsThrough(
  words: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): [number | null, string] {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLUSTER_PROGRAM, ...words], {
    encoding: 'utf8',
    env,
  })
  return [status, stdout + stderr]
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

describe('npm run cluster', () => {
  let cluster: LocalCluster
  beforeAll(async () => {
    cluster = await LocalCluster.start()
  })
  afterAll(() => cluster.interrupt())

  it('runs NATS, Redis, a balancer and three nodes', () => {
    expect([...cluster.processes.keys()].sort()).toEqual([
      'haproxy',
      'nats-1',
      'node-1',
      'node-2',
      'node-3',
      'redis',
    ])
  })

  it('prints commands that work: a stream through the balancer gets what is published', async () => {
    const shown = cluster.commands
    const stream = shown.find((line) => line.includes('/v1/sse')) as string
    const publish = shown.find((line) => line.includes('/v1/publish')) as string
    const { code, output } = await cluster.type(`
      exec 3< <(${stream.replace(/ &$/, '')})
      while read -r line <&3; do case $line in *welcome*) break;; esac; done
      ${publish}
      while read -r line <&3; do case $line in *hello*) echo "got $line"; break;; esac; done`)
    expect(output).toContain('"offset"')
    expect(output).toMatch(/got data: .*"hello"/)
    expect(code).toBe(0)
  })

  it('as a supervisor does, starts again what was drained, in the version that is deployed then', async () => {
    const shown = cluster.commands
    const [tail = '', ...deploy] = shown.slice(shown.findIndex((line) => line.includes(' tail '))).slice(0, 3)
    const publish = shown.find((line) => line.includes('/v1/publish')) as string
    const { code, output } = await cluster.type(`
      exec 3< <(${tail.replace(/ &$/, '')})
      ${deploy.join('\n')}
      until ${publish} --fail; do sleep 0.2; done
      while read -r line <&3; do case $line in *hello*) echo "got $line"; break;; esac; done`)
    expect(output.match(/^\w+ +\w+ +1 +gone /gm)).toHaveLength(3)
    expect(output).toContain('in the way: no node that is active stays')
    // The one client was moved, and not cut off when the time was up.
    expect(output).toMatch(/ done, 0 of .* 0 returned, 0 closed, 0 not seen;/)
    expect(output).toMatch(/got .*hello/)
    expect(code).toBe(0)
    const versions = async (): Promise<string[]> => {
      const { output: json } = await cluster.type('npx @sluice/gateway status --json || true')
      const { nodes = [] } = (json.startsWith('{') ? JSON.parse(json) : {}) as {
        nodes?: { version: string; state: string }[]
      }
      return nodes.filter(({ state }) => state === 'active').map(({ version }) => version)
    }
    await expect.poll(versions, { interval: 500 }).toEqual(['2', '2', '2'])
  })

  it('shows how to stop NATS for a while, which the nodes notice', async () => {
    const [stop, go] = ['-STOP', '-CONT'].map((word) => cluster.commands.find((line) => line.includes(word)))
    const carries = async (): Promise<string> =>
      (await cluster.type('curl -s "$SLUICE_API_URL/metrics" | grep "part_up.*backbone"')).output.trim()
    const up = 'sluice_part_up{part="backbone"}'
    await expect.poll(carries, { interval: 500 }).toBe(`${up} 1`)
    expect(await cluster.type(stop as string)).toEqual({ code: 0, output: '' })
    await expect.poll(carries, { interval: 500 }).toBe(`${up} 0`)
    expect(await cluster.type(go as string)).toEqual({ code: 0, output: '' })
    await expect.poll(carries, { interval: 500 }).toBe(`${up} 1`)
  })

  it('ends by Ctrl-C with 0, and leaves no process and no file', async () => {
    const started = [...cluster.processes.values()]
    expect(started.map(lives)).not.toContain(false)
    expect(await cluster.interrupt()).toBe(0)
    expect(started.map(lives)).not.toContain(true)
    expect(existsSync(cluster.directory)).toBe(false)
  })
})

describe('npm run cluster, where it cannot start', () => {
  it('says in one sentence what is missing, and how to install it', () => {
    const empty = temporaryDirectory('no-programs')
    const [code, said] = runsThrough([], { PATH: empty.path })
    empty.remove()
    expect(said).toMatch(
      /^(nats|redis)-server is missing: install it with "apt-get install .*", or on a Mac "brew install .*"\n$/,
    )
    expect(code).toBe(1)
  })

  it('says which port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    const [code, said] = runsThrough(['--port', String(port)])
    holder.close()
    expect(said).toMatch(new RegExp(`^port ${port} is taken: choose another`))
    expect(code).toBe(1)
  })

  it.each([
    [['--nodes', '0'], '--nodes is "0"; allowed: a whole number from 1 to 10'],
    [['--port', 'http'], '--port is "http"; allowed: a whole number from 0 to 65000'],
    [['--wat'], "Unknown option '--wat'"],
  ])('says what is allowed: %j', (words, sentence) => {
    const [code, said] = runsThrough(words)
    expect(said).toContain(sentence)
    expect(code).toBe(2)
  })
})
