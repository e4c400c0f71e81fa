/** What a container engine has at 127.0.0.11: a server of names, which answers what /etc/hosts says. */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'

const HEADER_BYTES = 12
const TTL_S = 5
const TYPE_A = 1
const lines = readFileSync('/etc/hosts', 'utf8').trim().split('\n')
const known = new Map(lines.map((line) => line.split(' ').toReversed()))

/** RFC 1035, section 4: one question, and its answer where there is one. */
function answer(query) {
  const labels = []
  let at = HEADER_BYTES
  for (; query[at] !== 0; at += query[at] + 1)
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]))
  const question = query.subarray(HEADER_BYTES, at + 5)
  const address = query.readUInt16BE(at + 1) === TYPE_A ? known.get(labels.join('.')) : undefined
  const header = Buffer.from(query.subarray(0, HEADER_BYTES))
  header.writeUInt16BE(known.has(labels.join('.')) ? 0x85_80 : 0x85_83, 2)
  header.writeUInt16BE(address === undefined ? 0 : 1, 6)
  header.fill(0, 8)
  const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, TTL_S, 0, 4])
  const rest = address === undefined ? [] : [record, Buffer.from(address.split('.').map(Number))]
  return Buffer.concat([header, question, ...rest])
}

const socket = createSocket('udp4')
socket.on('message', (query, { port, address }) => socket.send(answer(query), port, address))
socket.bind(53, '127.0.0.11')
