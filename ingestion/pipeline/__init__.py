"""Source → documents → chunks → points. Each module is one stage; ``execution`` runs a job."""
