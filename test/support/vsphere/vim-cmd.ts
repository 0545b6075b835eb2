/** A stand-in for vim-cmd: it prints what public recordings of an ESXi host show, of one machine that is kept in memory. */
import { type HostState, UUID } from '#test/support/vsphere/host-state.ts';

/** `cut`: the connection breaks in place of an answer. */
export type Answer = { code: number; text: string } | 'cut';

interface Fault {
  fault: string;
  msg: string;
}

interface Call {
  command: string;
  id: string;
  words: readonly string[];
}

export function vimCmd(state: HostState, argv: readonly string[]): Answer {
  state.asked.push([...argv]);
  const [command = '', id = '', ...words] = argv;
  const trouble = state.trouble?.on === command ? state.trouble.what : undefined;
  if (trouble !== undefined) state.trouble = null;
  if (trouble === 'cut before the act') return 'cut';
  if (typeof trouble === 'object') return failed(trouble);
  const said = perform(state, { command, id, words });
  if (trouble === 'cut after the act') return 'cut';
  return typeof said === 'object' ? failed(said) : { code: 0, text: said };
}

function failed({ fault, msg }: Fault): Answer {
  return { code: 255, text: `(${fault}) {\n   faultCause = (vmodl.MethodFault) null, \n   msg = "${msg}"\n}\n` };
}

function perform(state: HostState, { command, id, words }: Call): string | Fault {
  if (command.startsWith('vmsvc/') && command !== 'vmsvc/getallvms' && id !== '7') {
    return { fault: 'vmodl.fault.ManagedObjectNotFound', msg: 'The object has already been deleted' };
  }
  const answers: Record<string, () => string | Fault> = {
    'vmsvc/getallvms': () => listOf(state),
    'vmsvc/get.summary': () => summaryOf(state),
    'vmsvc/snapshot.get': () => `Get Snapshot:\n${treeOf(state)}`,
    'vmsvc/snapshot.create': () => create(state, words),
    'vmsvc/snapshot.revert': () => revert(state, words),
    'vmsvc/snapshot.remove': () => remove(state, words),
    'vmsvc/power.on': () => power(state, 'on'),
    'vmsvc/power.off': () => power(state, 'off'),
    'vmsvc/power.shutdown': () => power(state, 'off'),
    'vmsvc/get.tasklist': () => tasksOf(state),
    'vimsvc/task_info': () => taskOf(state, id),
    'vmsvc/device.getdevices': () => devicesOf(state),
    'hostsvc/hostsummary': () => HOST,
    'hostsvc/datastore/listsummary': () => DATASTORES,
  };
  return answers[command]?.() ?? { fault: 'vmodl.fault.InvalidArgument', msg: `Invalid command '${command}'` };
}

function listOf({ name, remark }: HostState): string {
  return `Vmid      Name               File                          Guest OS      Version   Annotation\n7      ${name}   [datastore1] notes/notes.vmx   debian11_64Guest   vmx-19    ${remark}\n`;
}

function summaryOf({ power: now, name, remark, consolidation }: HostState): string {
  return `Listsummary:

(vim.vm.Summary) {
   vm = 'vim.VirtualMachine:7', 
   runtime = (vim.vm.RuntimeInfo) {
      host = 'vim.HostSystem:ha-host', 
      connectionState = "connected", 
      powerState = "powered${now === 'on' ? 'On' : 'Off'}", 
      faultToleranceState = "notConfigured", 
      question = (vim.vm.QuestionInfo) null, 
      consolidationNeeded = ${consolidation}, 
   }, 
   guest = (vim.vm.Summary.GuestSummary) {
      guestId = "debian11_64Guest", 
      toolsStatus = "toolsOk", 
      hostName = "notes", 
   }, 
   config = (vim.vm.Summary.ConfigSummary) {
      name = "${name}", 
      template = false, 
      vmPathName = "[datastore1] notes/notes.vmx", 
      memorySizeMB = 1024, 
      uuid = "564d0000-1111-2222-3333-444455556666", 
      instanceUuid = "${UUID}", 
      guestId = "debian11_64Guest", 
      annotation = "${remark}", 
   }, 
}
`;
}

function treeOf({ shots }: HostState): string {
  return shots
    .map(({ id: number, name, description, on }, depth) => {
      const dashes = '-'.repeat(2 * depth);
      return [
        `${dashes}|-${depth === 0 ? 'ROOT' : 'CHILD'}`,
        `${dashes}--Snapshot Name        : ${name}`,
        `${dashes}--Snapshot Id        : ${number}`,
        `${dashes}--Snapshot Desciption  : ${description}`,
        `${dashes}--Snapshot Created On  : 8/10/2026 14:${number}:41`,
        `${dashes}--Snapshot State       : powered ${on ? 'on' : 'off'}`,
        '',
      ].join('\n');
    })
    .join('');
}

function create(state: HostState, words: readonly string[]): string {
  const [name = '', description = '', memory = '0'] = words;
  const number = 1 + Math.max(0, ...state.shots.map((shot) => shot.id));
  state.shots.push({ id: number, name, description, disk: state.disk, on: memory === '1' });
  finished(state, 'createSnapshot');
  return 'Create Snapshot:\n';
}

function revert(state: HostState, words: readonly string[]): string | Fault {
  const shot = state.shots.find((one) => String(one.id) === words[0]);
  if (shot === undefined) return { fault: 'vim.fault.NotFound', msg: 'Unable to find a snapshot' };
  Object.assign(state, { disk: shot.disk, power: shot.on ? 'on' : 'off' });
  finished(state, 'revertToSnapshot');
  return `Revert Snapshot:\n${treeOf(state)}`;
}

function remove(state: HostState, words: readonly string[]): string {
  state.shots = state.shots.filter((one) => String(one.id) !== words[0]);
  finished(state, 'removeSnapshot');
  return 'Remove Snapshot:\n';
}

function power(state: HostState, to: 'on' | 'off'): string | Fault {
  if (state.power === to) return { fault: 'vim.fault.InvalidPowerState', msg: `The current state is powered ${to}` };
  state.power = to;
  finished(state, to === 'on' ? 'powerOn' : 'powerOff');
  return to === 'on' ? 'Powering on VM:\n' : 'Powering off VM:\n';
}

function finished(state: HostState, what: string): void {
  const key = `haTask-7-vim.VirtualMachine.${what}-${state.asked.length}`;
  state.tasks.push({ key, state: 'success', user: state.user });
}

function tasksOf({ tasks }: HostState): string {
  const list = tasks.map(({ key }) => `   'vim.Task:${key}'`).join(', \n');
  return list === '' ? '(ManagedObjectReference) []\n' : `(ManagedObjectReference) [\n${list}\n]\n`;
}

function taskOf({ tasks }: HostState, id: string): string | Fault {
  const task = tasks.find(({ key }) => key === id);
  if (task === undefined)
    return { fault: 'vmodl.fault.ManagedObjectNotFound', msg: 'The object has already been deleted' };
  return `(vim.TaskInfo) {
   key = "${task.key}", 
   task = 'vim.Task:${task.key}', 
   name = "vim.VirtualMachine.createSnapshot", 
   descriptionId = "VirtualMachine.createSnapshot", 
   entity = 'vim.VirtualMachine:7', 
   state = "${task.state}", 
   error = (vmodl.MethodFault) null, 
   reason = (vim.TaskReasonUser) {
      userName = "${task.user}", 
   }, 
}
`;
}

function devicesOf({ mode }: HostState): string {
  const disk = (label: string, diskMode: string) => `      (vim.vm.device.VirtualDisk) {
         key = 2000, 
         deviceInfo = (vim.Description) {
            label = "${label}", 
            summary = "16,777,216 KB", 
         }, 
         backing = (vim.vm.device.VirtualDisk.FlatVer2BackingInfo) {
            fileName = "[datastore1] notes/notes.vmdk", 
            diskMode = "${diskMode}", 
            split = false, 
         }, 
         controllerKey = 1000, 
      }, 
`;
  return `Devices:\n\n(vim.vm.VirtualHardware) {\n   device = (vim.vm.device.VirtualDevice) [\n${disk('Hard disk 1', mode)}${disk('Hard disk 2', 'independent_persistent')}   ], \n}\n`;
}

const HOST = `(vim.host.Summary) {
   host = 'vim.HostSystem:ha-host', 
   hardware = (vim.host.Summary.HardwareSummary) {
      vendor = "Somebody", 
      memorySize = 17179869184, 
   }, 
   config = (vim.host.Summary.ConfigSummary) {
      name = "esxi", 
      product = (vim.AboutInfo) {
         name = "VMware ESXi", 
         fullName = "VMware ESXi 6.7.0 build-14320388", 
      }, 
   }, 
   quickStats = (vim.host.Summary.QuickStats) {
      overallCpuUsage = 100, 
      overallMemoryUsage = 4096, 
   }, 
}
`;

const DATASTORES = `(vim.Datastore.Summary) [
   (vim.Datastore.Summary) {
      datastore = 'vim.Datastore:1', 
      name = "datastore1", 
      url = "/vmfs/volumes/1", 
      capacity = 1000, 
      freeSpace = 400, 
      accessible = true, 
   }, 
   (vim.Datastore.Summary) {
      datastore = 'vim.Datastore:2', 
      name = "nas", 
      capacity = 2000, 
      freeSpace = 900, 
      accessible = false, 
   }
]
`;
