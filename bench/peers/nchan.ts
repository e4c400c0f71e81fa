/**
 * Nchan, the module of nginx in C: one process of it, beside this one, which only starts it. It checks no token; it keeps the last ten
 * messages of a channel, as it does by default.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NCHAN_MODULE, type Ports } from './terms.ts'
import { answerSteps } from '../lib/steps.ts'
import { freePort } from '../../test/support/server-process.ts'

const NGINX = '/usr/sbin/nginx'
const LOOK_MS = 20
const LOOKS_MAX = 500

answerSteps({
  start,
  // Nothing of it is garbage, and none of its memory is for young objects.
  collect: () => 0,
})

async function start(): Promise<Ports> {
  if (!existsSync(NCHAN_MODULE)) throw new Error(`${NCHAN_MODULE} is missing: apt install libnginx-mod-nchan`)
  const directory = mkdtempSync(join(tmpdir(), 'sluice-nchan-'))
  const port = await freePort()
  writeFileSync(join(directory, 'nginx.conf'), configuration(directory, port))
  const options = 'daemon off; master_process off;'
  // Ends with this process, which is killed at the end of a round and can do nothing about it then.
  const words = ['--pdeathsig', 'KILL', NGINX, '-p', directory, '-c', 'nginx.conf', '-g', options]
  const nginx = spawn('setpriv', words, { stdio: ['ignore', 'ignore', 'inherit'] })
  await listening(port)
  return { port, apiPort: port, pid: nginx.pid as number }
}

function configuration(directory: string, port: number): string {
  const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
load_module ${NCHAN_MODULE};
error_log ${directory}/error.log;
pid ${directory}/pid;
user root;
worker_rlimit_nofile 20000;
events { worker_connections 16000; }
http {
  access_log off;
${kept.map((name) => `  ${name}_temp_path ${directory}/${name};`).join('\n')}
  keepalive_requests 1000000000;
  nchan_shared_memory_size 256M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /pub { nchan_publisher http; nchan_channel_id $arg_id; }
    location = /sub { nchan_subscriber websocket eventsource; nchan_channel_id $arg_id; nchan_subscriber_first_message newest; }
  }
}
`
}

async function listening(port: number): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    if (await answers(port)) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  throw new Error('nginx does not listen')
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
