/** Clients and a library of Centrifuge that are not on npm, as they are published, against a node. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { missingGo, missingJava, missingPython, said } from './tool-chains.ts'
import { because } from '../support/skip-reason.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

const HERE = import.meta.dirname
const PYTHON_PACKAGES = ['centrifuge-python==0.7.0', 'cent==5.2.0']

const folder = mkdtempSync(join(tmpdir(), 'sluice-clients-'))
const goProgram = join(folder, 'client')
const gocentProgram = join(folder, 'gocent')
const jars = join(folder, 'jars')
const python = join(folder, 'venv/bin/python')

const noGo = missingGo('.', goProgram)
const noGocent = missingGo('./gocent', gocentProgram)
const noJava = missingJava(jars)
const noPython = missingPython(join(folder, 'venv'), PYTHON_PACKAGES)

let node: StartedNode

beforeAll(async () => {
  node = await startNode({
    dialects: { centrifuge: {} },
    namespaces: { room: { presence: true, clientPublish: 'fanout' } },
  })
})

afterAll(async () => {
  await node.close()
  if (existsSync(folder)) rmSync(folder, { recursive: true, force: true })
})

const CLIENTS = [
  { name: 'centrifuge-go', why: noGo, command: goProgram, before: [], text: true },
  {
    name: 'centrifuge-python',
    why: noPython,
    command: python,
    before: [join(HERE, 'python/client.py')],
    text: false,
  },
]

describe.each(CLIENTS)('$name', ({ name, why, command, before, text }) => {
  it.skipIf(why !== undefined).each(['json', 'protobuf'])(
    `recovers, reads the history and sees who is there, in %s${because(why)}`,
    async (encoding) => {
      const url = `ws://127.0.0.1:${node.port}/connection/websocket`
      const token = await node.token('42', { history: ['room:*'] })
      const message = (n: number): unknown => (text ? `{"n":${n}}` : { n })
      expect(await said(command, [...before, encoding, url, token, `room:${name}-${encoding}`])).toEqual({
        live: [message(1)],
        again: [message(2), message(3)],
        recovered: true,
        history: [3, 2],
        presence: 1,
        rpc: 108,
      })
    },
  )
})

it.skipIf(noJava !== undefined)(
  `centrifuge-java recovers, reads the history and sees who is there${because(noJava)}`,
  async () => {
    const url = `ws://127.0.0.1:${node.port}/connection/websocket`
    const token = await node.token('42', { history: ['room:*'] })
    const program = ['-cp', `${jars}/*`, join(HERE, 'java/Main.java'), url, token, 'room:java']
    expect(await said('java', program)).toEqual({
      live: [{ n: 1 }],
      again: [{ n: 2 }, { n: 3 }],
      recovered: true,
      history: [3, 2],
      presence: 1,
      rpc: 108,
    })
  },
)

it.skipIf(noGocent !== undefined)(`gocent publishes, reads and asks${because(noGocent)}`, async () => {
  const args = [`http://127.0.0.1:${node.apiPort}/api`, node.apiKey, 'room:gocent']
  expect(await said(gocentProgram, args)).toEqual({
    offsets: [1, 2],
    responses: 2,
    history: [{ n: 1 }, { n: 2 }, 3, 4],
    presence: 0,
    stats: 0,
    nodes: 1,
    channels: 0,
    removed: 0,
  })
})

it.skipIf(noPython !== undefined)(`cent publishes, reads and asks${because(noPython)}`, async () => {
  const args = [
    join(HERE, 'python/cent_calls.py'),
    `http://127.0.0.1:${node.apiPort}/api`,
    node.apiKey,
    'room:cent',
  ]
  expect(await said(python, args)).toEqual({
    offsets: [1, 2],
    responses: 2,
    history: [{ n: 1 }, { n: 2 }, 3],
    presence: 0,
    nodes: 1,
    channels: 0,
    removed: 0,
    unknown: 102,
  })
})
