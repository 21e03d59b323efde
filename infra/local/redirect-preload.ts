import { redirectGoogleApis } from './redirect.ts'

// For `node --import`: a worker process of the embedded stack, whose FCM is the simulator.
const { CARILLON_LOCAL_GOOGLE: port, CARILLON_LOCAL_CA: caFile } = process.env
if (!port || !caFile)
  throw new Error('redirect-preload: set CARILLON_LOCAL_GOOGLE (port of the simulator) and CARILLON_LOCAL_CA (CA file)')
redirectGoogleApis({ port: Number(port), caFile })
