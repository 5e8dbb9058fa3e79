// aedes on a port of loopback: node aedes_broker.mjs NODE_MODULES PORT
import net from 'node:net'
import { createRequire } from 'node:module'

const [, , modules, port] = process.argv
const { Aedes } = await import(createRequire(modules + '/').resolve('aedes'))
const broker = await Aedes.createBroker({ queueLimit: 10000 })
net.createServer(broker.handle).listen(Number(port), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
