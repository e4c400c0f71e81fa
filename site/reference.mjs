/** The reference of the SDK: which modules it has, and what each is called by who imports it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The first one is the page of the folder. */
export const MODULES = ['index', 'presence', 'tabs', 'stream', 'probe', 'pusher', 'node'].map((name) => ({
  source: `src/client/${name}.ts`,
  page: `${name}.md`,
  link: name === 'index' ? '/reference/' : `/reference/${name}`,
  title: name === 'index' ? '@sluice/client' : `@sluice/client/${name}`,
}))

/** The pages as they are made call a module by its file. Fails where one was not made. */
export function renameModules(folder) {
  rmSync(join(folder, 'overview.md'))
  for (const { page, title } of MODULES) {
    const file = join(folder, page)
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^# .+$/m, `# ${title}`))
  }
}
