/** A fault that has gone fails here, so that `docs/wire.md` does not go on excusing it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PUBLISH, runCase } from './http-case.ts'
import { FRAME_FAULTS, HTTP_FAULTS } from './native-faults.ts'
import { UNHURRIED } from './unhurried.ts'
import { runFrames } from './websocket-case.ts'
import { WireSocket } from './wire-socket.ts'
import { loadUws } from '../../src/drivers/uws-binary.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** The binary of Node 22 and 24 is a younger one: what it does was not looked at. */
const older = loadUws().why.includes('@trufflesuite')

describe.skipIf(!older)(`the binary for Node 20${older ? '' : ' (not this one)'}`, () => {
  let node: StartedNode
  let cluster: StartedCluster
  beforeAll(async () => {
    ;[node, cluster] = await Promise.all([startNode(UNHURRIED), startCluster(2, UNHURRIED)])
  })
  afterAll(() => Promise.all([node.close(), cluster.close()]))

  // Most of them are unanswered for ten seconds, so they wait together.
  describe('HTTP', () => {
    it.concurrent.each(HTTP_FAULTS)('$id: $what', async ({ on, cases }) => {
      const asked = on === 'node' ? node : (cluster.nodes[0] as StartedNode)
      await Promise.all(cases.map((one) => runCase(asked, { ...one, name: '' })))
    })

    // Where somebody is subscribed, answers of a turn leave at its end: on a node of its own, too, a publish is behind one that is not answered.
    it('H1: publishes behind one another are carried out in order up to one that is not answered', async () => {
      const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
        token: await node.token('ann'),
      })
      await client.request({ type: 'subscribe', ref: 1, channel: 'piped' })
      const messages = Array.from({ length: 8 }, (_, data) => ({
        channel: 'piped',
        data,
        id: `piped-${data}`,
      }))
      const requests = messages.map((message) => {
        const body = JSON.stringify(message)
        const head = PUBLISH.replace('{key}', node.apiKey)
        return `${head}Content-Length: ${body.length}\r\n\r\n${body}`
      })
      const socket = await WireSocket.open(node.apiPort)
      socket.write(requests.join(''))
      const { rest } = await socket.ending()
      const answers = [...rest.matchAll(/"offset":(\d+)/g)].map((match) => Number(match[1]))
      // Whoever repeats them with their ids loses nothing and has nothing twice.
      const again = (await node.publish(messages)) as readonly { readonly duplicate?: true }[]
      const carriedOut = again.filter(({ duplicate }) => duplicate).length
      expect(again.map(({ duplicate = false }) => duplicate)).toEqual(
        messages.map((_, index) => index < carriedOut),
      )
      expect(carriedOut).toBeLessThan(messages.length)
      expect(answers).toEqual(messages.slice(0, answers.length).map((_, index) => index + 1))
      expect(answers.length).toBeLessThan(carriedOut)
      for (const { data } of messages) expect((await client.next('message'))['data']).toBe(data)
      client.cut()
    })

    it.concurrent(
      'says after how many seconds it closes an idle connection, and does not do so before',
      async () => {
        const socket = await WireSocket.open(node.apiPort)
        socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')
        const { headers } = await socket.answer()
        const startedMs = performance.now()
        const announced = Number(/^timeout=(\d+)$/.exec(headers.get('keep-alive') ?? '')?.[1])
        await socket.ending()
        // A busy machine makes it longer only.
        expect(performance.now() - startedMs).toBeGreaterThan(announced * 1000)
      },
    )
  })

  describe('WebSocket', () => {
    it.each(FRAME_FAULTS)('$id: $what', async ({ cases }) => {
      for (const one of cases) await runFrames(node, { ...one, name: '' })
    })
  })
})
