/** The published conformance suite of Durable Streams, against what the gateway has of it: the read side. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NAMESPACES, startWriteSide, type WriteSide } from './durable-streams/write-side.ts'
import { missingNpm } from './tool-chains.ts'
import { because } from '../support/skip-reason.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

const SUITE = '@durable-streams/server-conformance-tests@0.3.6'
const SUITE_MS = 600_000

/** What is asked of servers that take writes: how long streams live, who has written what already, and streams made of others. */
const WRITES = ['Fork - ', 'Idempotent Producer', 'TTL', 'producer', 'close-with-different-body-dedup']
const OF_READERS_COUNT = 184
/** By the name of a test, with those of its groups before it. */
const OF_READERS = `^(?!.*(${[...WRITES, 'idempotent-close', 'Reserved subscription'].join('|')}))`

const folder = mkdtempSync(join(tmpdir(), 'sluice-streams-'))
writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}')
const why = missingNpm(folder, [SUITE])
let node: StartedNode
let writeSide: WriteSide

beforeAll(async () => {
  node = await startNode({
    dialects: { durableStreams: { public: ['*'] } },
    namespaces: NAMESPACES,
    allowedOrigins: ['https://example.com'],
    limits: {
      ...{ payload: '20MiB', frame: '32MiB', requestBody: '64MiB' },
      ...{ bytesBurst: '64MiB', bytesPerSecond: '64MiB' },
    },
  })
  writeSide = await startWriteSide(node)
})

afterAll(async () => {
  await writeSide.close()
  await node.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Told {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

it.skipIf(why !== undefined)(
  `the suite passes where it reads${because(why)}`,
  async () => {
    const options = JSON.stringify({ baseUrl: writeSide.url, longPollTimeoutMs: 21_000 })
    writeFileSync(
      join(folder, 'suite.test.js'),
      `import { runConformanceTests } from '@durable-streams/server-conformance-tests'\nrunConformanceTests(${options})\n`,
    )
    const args = [
      'vitest',
      'run',
      '--testTimeout=60000',
      '-t',
      OF_READERS,
      '--reporter=json',
      '--outputFile=told.json',
    ]
    await new Promise((resolve, reject) => {
      spawn('npx', args, { cwd: folder, stdio: 'ignore' }).once('close', resolve).once('error', reject)
    })
    const told = JSON.parse(readFileSync(join(folder, 'told.json'), 'utf8')) as Told
    const tests = told.testResults.flatMap(({ assertionResults }) => assertionResults)
    expect(tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName)).toEqual([])
    expect(told.numPassedTests).toBe(OF_READERS_COUNT)
  },
  SUITE_MS,
)
