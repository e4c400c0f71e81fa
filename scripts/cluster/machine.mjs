/** What this machine has: programs, free ports, and whether somebody listens on one. */
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { HOST, portsFrom } from './layout.mjs'
import { fail } from './options.mjs'

/** Debian keeps servers where not everybody looks. */
const PATH = `${process.env.PATH}${delimiter}/usr/sbin`
/** Nodes would take settings of this shell for their own. */
export const ENVIRONMENT = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_'))),
  PATH,
}
const ANY_PORT_MIN = 10_000
const ANY_PORT_MAX = 32_000
const TRIES_MAX = 20
/** As a Mac names them. */
const BREW = { 'nats-server': 'nats-server', 'redis-server': 'redis', haproxy: 'haproxy' }

export function isInstalled(program) {
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      // Not in this folder.
      return false
    }
  })
}

export function howToInstall(program) {
  return `install it with "apt-get install ${program}", or on a Mac "brew install ${BREW[program]}"`
}

/** The first port 0: any place where all are free. Ends the program with a sentence where one is taken. */
export async function choosePorts({ port, ...counts }) {
  for (let tries = 1; ; tries++) {
    const ports = portsFrom(port === 0 ? anyFirstPort() : port, counts)
    const taken = await takenOf(Object.values(ports).flat())
    if (taken === undefined) return ports
    if (port !== 0 || tries === TRIES_MAX) {
      fail(`port ${taken} is taken: choose another first port with --port, or any free ones with --port 0`)
    }
  }
}

/** Below those that the system gives to outgoing connections. */
function anyFirstPort() {
  return ANY_PORT_MIN + Math.floor(Math.random() * (ANY_PORT_MAX - ANY_PORT_MIN))
}

async function takenOf(list) {
  const holders = list.map((port) => createServer().listen(port, HOST))
  try {
    await Promise.all(holders.map((holder) => once(holder, 'listening')))
    return undefined
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error
    return error.port
  } finally {
    for (const holder of holders) holder.on('error', () => undefined)
    await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))))
  }
}

export async function listens(port) {
  const socket = connect(port, HOST)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    if (error.code === 'ECONNREFUSED') return false
    throw error
  } finally {
    socket.destroy()
  }
}
