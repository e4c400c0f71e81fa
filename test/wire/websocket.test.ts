import { afterAll, beforeAll, describe, it } from 'vitest'
import { UNHURRIED } from './unhurried.ts'
import { runFrames } from './websocket-case.ts'
import { FRAME_CASES } from './websocket-cases.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
beforeAll(async () => {
  node = await startNode(UNHURRIED)
})
afterAll(() => node.close())

describe('on a WebSocket', () => {
  it.each(FRAME_CASES)('$name', async (one) => {
    await runFrames(node, one)
  })
})
