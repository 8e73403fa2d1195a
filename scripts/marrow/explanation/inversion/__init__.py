"""Network inversion: which instances a bag's verdict leans on once the bag is changed to suit the model better."""
