#!/usr/bin/env bash
# Starts a Slurm cluster of one node on this machine, from Debian's packages, as root. Does nothing when one runs.
# Jobs see two pretend GPUs: character devices, so that Slurm sets CUDA_VISIBLE_DEVICES as for real ones.
set -euo pipefail

sinfo >/dev/null 2>&1 && exit 0

mkdir -p /etc/slurm /etc/munge /run/munge /var/log/munge /var/lib/munge /var/spool/slurmctld /var/spool/slurmd /var/log/slurm
[ -s /etc/munge/munge.key ] || dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none
chmod 400 /etc/munge/munge.key
chown -R munge:munge /etc/munge /run/munge /var/log/munge /var/lib/munge
chmod 711 /run/munge /var/lib/munge
pgrep -x munged >/dev/null || runuser -u munge -- munged

for gpu in 0 1; do
  [ -e "/dev/marrow-gpu$gpu" ] || mknod "/dev/marrow-gpu$gpu" c 195 "$gpu"
done
name=$(hostname -s)
memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
cat >/etc/slurm/gres.conf <<CONF
Name=gpu Type=pretend File=/dev/marrow-gpu[0-1] Flags=nvidia_gpu_env
CONF
cat >/etc/slurm/slurm.conf <<CONF
ClusterName=marrow
SlurmctldHost=$name
SlurmUser=root
AuthType=auth/munge
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0
MinJobAge=300
ReturnToService=2
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
GresTypes=gpu
NodeName=$name CPUs=$(nproc) RealMemory=$memory Gres=gpu:pretend:2 State=UNKNOWN
PartitionName=main Nodes=$name Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld
slurmd
for _ in $(seq 30); do
  sinfo -h -o %t 2>/dev/null | grep -q idle && exit 0
  sleep 1
done
echo "the Slurm node did not come up; see /var/log/slurm" >&2
exit 1
