/** The reference of the SDK, from its types and the comments on them. */
import { join } from 'node:path'
import { ROOT } from './navigation.mjs'
import { MODULES } from './reference.mjs'

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  entryPoints: MODULES.map(({ source }) => join(ROOT, source)),
  tsconfig: join(ROOT, 'site', 'tsconfig.typedoc.json'),
  plugin: ['typedoc-plugin-markdown'],
  name: 'Reference of the client',
  readme: 'none',
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  githubPages: false,
  hideBreadcrumbs: true,
  hidePageHeader: true,
  outputFileStrategy: 'modules',
  entryFileName: 'overview.md',
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  enumMembersFormat: 'table',
  typeDeclarationFormat: 'table',
  useCodeBlocks: true,
  treatWarningsAsErrors: false,
  logLevel: 'Warn',
}
