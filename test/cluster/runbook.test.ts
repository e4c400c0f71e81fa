/**
 * The commands of docs/runbook.md, typed into a running cluster block by block; those that are typed elsewhere are commands of the
 * programs that are there.
 */
import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LocalCluster } from '../support/local-cluster.ts'

/** Blocks that begin with one of these comments are typed where these programs are. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  Kubernetes: ['kubectl'],
  systemd: ['journalctl', 'systemctl'],
  'At a Sentinel': ['redis-cli'],
  Anywhere: ['openssl'],
}
const SLUICE = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8')

interface Block {
  readonly name: string
  readonly text: string
  readonly elsewhere: string | undefined
}

function blocksOf(markdown: string): Block[] {
  const found: Block[] = []
  let heading = ''
  for (const [, title, text] of markdown.matchAll(/^#+ (.*)$|^```sh\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined && text === undefined) heading = title
    if (text === undefined) continue
    const [, place] = /^# (.*)\n/.exec(text) ?? []
    const count = found.filter(({ name }) => name.startsWith(heading)).length
    found.push({ name: `${heading}, block ${count + 1}`, text, elsewhere: place })
  }
  return found
}

const blocks = blocksOf(runbook)
const withoutBlocks = runbook.replaceAll(/^```[\s\S]*?^```$/gm, '')
const here = blocks.filter(({ elsewhere }) => elsewhere === undefined)
const elsewhere = blocks.filter((block) => block.elsewhere !== undefined)

describe('what is typed elsewhere', () => {
  it.each(elsewhere.map((block) => [block.name, block] as const))(
    '%s',
    (_name, { text, elsewhere: place }) => {
      const programs = ELSEWHERE[place as string]
      expect(programs, `"${place}" is no place that this test knows`).toBeDefined()
      execFileSync('bash', ['-n', '-c', text])
      for (const line of text.trimEnd().split('\n').slice(1)) {
        for (const command of line.split('|')) expect(programs).toContain(command.trim().split(' ')[0])
      }
    },
  )
})

describe('what is named within a sentence', () => {
  const spans = withoutBlocks.matchAll(/`sluice (\w+)([^`]*)`/g)
  const named = [...spans].map(
    ([, command = '', rest = '']) => [`sluice ${command}${rest}`, command, rest] as const,
  )
  const helps = new Map<string, string>()

  function helpOf(command: string): string {
    const known = helps.get(command)
    if (known !== undefined) return known
    const help = execFileSync(process.execPath, [SLUICE, command, '--help'], { encoding: 'utf8' })
    helps.set(command, help)
    return help
  }

  it.each(named)('%s is a command with these options', (_whole, command, rest) => {
    const help = helpOf(command)
    expect(help).toContain(`Usage: sluice ${command}`)
    for (const [option] of rest.matchAll(/--[a-z-]+/g)) expect(help).toContain(`${option} `)
  })
})

describe('what is typed into a cluster', () => {
  let cluster: LocalCluster
  const streams = new AbortController()
  beforeAll(async () => {
    cluster = await LocalCluster.start()
  })
  afterAll(() => cluster.interrupt())

  interface Node {
    readonly id: string
    readonly state: string
    readonly version: string
    readonly region: string
  }

  /** Those that are active and whole. */
  async function nodes(): Promise<Node[]> {
    const { code, output } = await cluster.type('sluice status --json')
    return code === 0 ? (JSON.parse(output) as { nodes: Node[] }).nodes : []
  }

  /** Who is on each node, so that a drain has somebody to move. */
  async function openStreams(): Promise<void> {
    const { output } = await cluster.type('echo "$GATEWAY $SLUICE_TOKEN"')
    const [gateway, token] = output.trim().split(' ')
    for (let i = 0; i < 6; i++) {
      const stream = await fetch(`${gateway}/v1/sse?channels=news`, {
        headers: { authorization: `Bearer ${token}` },
        signal: streams.signal,
      })
      expect(stream.status).toBe(200)
    }
  }

  it('has commands', () => {
    expect(here.length).toBeGreaterThan(15)
  })

  it.each(here.map((block) => [block.name, block] as const))('%s', async (_name, { text }) => {
    await expect.poll(async () => (await nodes()).length, { interval: 500 }).toBe(3)
    const [node] = (await nodes()) as [Node]
    // A drain that is paused must not be over before.
    const wantsClients = text.includes('--pause')
    if (wantsClients) await openStreams()
    const { code, output } = await cluster.type(`
      cd "$CLUSTER"
      NODE=${node.id.slice(0, 6)} REGION=${node.region} BAD=${node.version} GOOD=${node.version}
      set -o pipefail
      ${text}`)
    if (wantsClients) streams.abort()
    expect(output).not.toMatch(/command not found|unbound variable/)
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(/\S/) as string })
  })
})
